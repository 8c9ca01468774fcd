// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Lists that come in pages, read to their end. A page that is not full is the last one.

use std::fmt::Display;

use crate::answer::Listed;
use crate::error::ApiError;

/// The most entries that any of the services gives at once.
pub const LARGEST: usize = 1000;

/// For services that skip a number of entries.
pub fn by_offset<T>(
    limit: usize,
    mut page_at: impl FnMut(usize) -> Result<Listed<T>, ApiError>,
) -> Result<Listed<T>, ApiError> {
    let mut all = Listed::default();
    loop {
        let page = page_at(all.came())?;
        let full = page.came() >= limit.max(1);
        all.append(page);
        if !full {
            return Ok(all);
        }
    }
}

/// For services that go on from an entry. Ends when a page brings no new place to go on from, so that a server which
/// ignores the marker can't keep a tool busy for ever.
pub fn by_marker<T, M: Display + PartialEq>(
    limit: usize,
    next: impl Fn(&Listed<T>) -> Option<M>,
    mut page_after: impl FnMut(Option<&M>) -> Result<Listed<T>, ApiError>,
) -> Result<Listed<T>, ApiError> {
    let mut all = Listed::default();
    let mut marker = None;
    loop {
        let page = page_after(marker.as_ref())?;
        let full = page.came() >= limit.max(1);
        let after = next(&page);
        all.append(page);
        if !full || after.is_none() || after == marker {
            return Ok(all);
        }
        marker = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(numbers: &[u32]) -> Listed<u32> {
        Listed {
            items: numbers.to_vec(),
            misfits: Vec::new(),
        }
    }

    #[test]
    fn offsets_go_on_until_a_page_is_not_full() {
        let mut asked = Vec::new();
        let all = by_offset(2, |offset| {
            asked.push(offset);
            Ok(page(if offset < 4 { &[1, 2] } else { &[] }))
        })
        .unwrap();
        assert_eq!(asked, [0, 2, 4]);
        assert_eq!(all.items, [1, 2, 1, 2]);
    }

    #[test]
    fn a_server_that_ignores_the_marker_does_not_loop_for_ever() {
        let mut asked = 0;
        let all = by_marker(
            2,
            |p: &Listed<u32>| p.last().copied(),
            |_| {
                asked += 1;
                Ok(page(&[1, 2]))
            },
        )
        .unwrap();
        assert_eq!(asked, 2);
        assert_eq!(all.came(), 4);
    }
}
