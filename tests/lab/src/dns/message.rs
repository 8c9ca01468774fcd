// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! DNS messages: the few fields of RFC 1035 that a query for an A record and its answer need.

use std::net::Ipv4Addr;

/// What a server knows of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Addresses(Vec<Ipv4Addr>),
    NoSuchName,
    /// Not a name of this datacenter.
    Refused,
}

const HEADER: usize = 12;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
const TTL: u32 = 60;

const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const RECURSION_DESIRED: u16 = 0x0100;
const CODE: u16 = 0x000f;

const NO_ERROR: u16 = 0;
const FORMAT_ERROR: u16 = 1;
const NAME_ERROR: u16 = 3;
const NOT_IMPLEMENTED: u16 = 4;
const REFUSED: u16 = 5;

/// A query for the A records of `name`; `None` when it is no name.
pub fn query(number: u16, name: &str) -> Option<Vec<u8>> {
    let mut message = header(number, RECURSION_DESIRED, 1, 0);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend(TYPE_A.to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    Some(message)
}

/// The reply to a query; `None` for what is not even a query's header, which deserves no answer.
pub fn reply(query: &[u8], names: &dyn Fn(&str) -> Answer) -> Option<Vec<u8>> {
    let number = u16_at(query, 0)?;
    let flags = u16_at(query, 2)?;
    query.get(..HEADER)?;
    if flags & RESPONSE != 0 {
        return None;
    }
    let kept = RESPONSE | flags & (OPCODE | RECURSION_DESIRED);
    if flags & OPCODE != 0 {
        return Some(header(number, kept | NOT_IMPLEMENTED, 0, 0));
    }
    let question = (u16_at(query, 4) == Some(1))
        .then(|| read_name(query, HEADER))
        .flatten();
    let Some((name, end)) = question else {
        return Some(header(number, kept | FORMAT_ERROR, 0, 0));
    };
    let (Some(kind), Some(asked)) = (u16_at(query, end), query.get(HEADER..end + 4)) else {
        return Some(header(number, kept | FORMAT_ERROR, 0, 0));
    };
    let (code, addresses) = match names(&name.to_ascii_lowercase()) {
        Answer::Addresses(addresses) if kind == TYPE_A => (NO_ERROR, addresses),
        // The name is there, records of this type are not.
        Answer::Addresses(_) => (NO_ERROR, Vec::new()),
        Answer::NoSuchName => (NAME_ERROR, Vec::new()),
        Answer::Refused => (REFUSED, Vec::new()),
    };
    let count = u16::try_from(addresses.len()).ok()?;
    let mut message = header(number, kept | AUTHORITATIVE | code, 1, count);
    message.extend_from_slice(asked);
    for address in addresses {
        // A pointer to the question's name.
        message.extend([0xc0, HEADER as u8]);
        message.extend(TYPE_A.to_be_bytes());
        message.extend(CLASS_IN.to_be_bytes());
        message.extend(TTL.to_be_bytes());
        message.extend(4_u16.to_be_bytes());
        message.extend(address.octets());
    }
    Some(message)
}

/// Reads the reply to query `number`; `None` for anything else.
pub fn parse_reply(message: &[u8], number: u16) -> Option<Answer> {
    let flags = u16_at(message, 2)?;
    if u16_at(message, 0)? != number || flags & RESPONSE == 0 {
        return None;
    }
    match flags & CODE {
        NO_ERROR => {}
        NAME_ERROR => return Some(Answer::NoSuchName),
        _ => return Some(Answer::Refused),
    }
    let (_, end) = read_name(message, HEADER)?;
    let mut at = end + 4;
    let mut addresses = Vec::new();
    for _ in 0..u16_at(message, 6)? {
        let (_, end) = read_name(message, at)?;
        let (kind, length) = (
            u16_at(message, end)?,
            usize::from(u16_at(message, end + 8)?),
        );
        let value = message.get(end + 10..end + 10 + length)?;
        if let (TYPE_A, &[a, b, c, d]) = (kind, value) {
            addresses.push(Ipv4Addr::new(a, b, c, d));
        }
        at = end + 10 + length;
    }
    // A name without an address is of no more use than none.
    Some(if addresses.is_empty() {
        Answer::NoSuchName
    } else {
        Answer::Addresses(addresses)
    })
}

fn header(number: u16, flags: u16, questions: u16, answers: u16) -> Vec<u8> {
    [number, flags, questions, answers, 0, 0]
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect()
}

/// The name at `at` and where the message goes on after it. Pointers lead strictly backwards, so that none can loop.
fn read_name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let (mut at, mut end, mut lowest) = (at, None, at);
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                at += 1 + length;
            }
            _ if length & 0xc0 == 0xc0 => {
                let target = usize::from(u16_at(message, at)? & 0x3fff);
                if target >= lowest {
                    return None;
                }
                end = end.or(Some(at + 2));
                (at, lowest) = (target, target);
            }
            _ => return None,
        }
    }
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at.checked_add(2)?)?;
    bytes.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        reply(query, &|_| {
            Answer::Addresses(vec![
                Ipv4Addr::new(10, 99, 99, 11),
                Ipv4Addr::new(10, 99, 99, 12),
            ])
        })
    }

    #[test]
    fn an_answer_reads_back_with_every_address() {
        let message = answer(&query(7, "binder.east-1.triton.example.").unwrap()).unwrap();
        let both = vec![Ipv4Addr::new(10, 99, 99, 11), Ipv4Addr::new(10, 99, 99, 12)];
        assert_eq!(parse_reply(&message, 7), Some(Answer::Addresses(both)));
        assert_eq!(parse_reply(&message, 8), None, "another query's answer");
    }

    #[test]
    fn another_record_type_gets_an_empty_answer_without_an_error() {
        let mut aaaa = query(7, "a.b").unwrap();
        let at = aaaa.len() - 3;
        aaaa[at] = 28;
        let message = answer(&aaaa).unwrap();
        assert_eq!(u16_at(&message, 2).unwrap() & CODE, NO_ERROR);
        assert_eq!(u16_at(&message, 6), Some(0));
    }

    #[test]
    fn what_is_cut_short_is_a_format_error_and_an_answer_gets_none() {
        let whole = query(7, "a.b").unwrap();
        for length in HEADER..whole.len() {
            let message = answer(&whole[..length]).unwrap();
            assert_eq!(
                u16_at(&message, 2).unwrap() & CODE,
                FORMAT_ERROR,
                "cut at {length}"
            );
        }
        assert_eq!(answer(&whole[..HEADER - 1]), None);
        assert_eq!(answer(&answer(&whole).unwrap()), None);
    }

    #[test]
    fn a_pointer_that_loops_is_refused() {
        let mut looping = header(7, 0, 1, 0);
        looping.extend([0xc0, HEADER as u8, 0, 1, 0, 1]);
        assert_eq!(
            u16_at(&answer(&looping).unwrap(), 2).unwrap() & CODE,
            FORMAT_ERROR
        );
    }

    #[test]
    fn a_label_that_is_empty_or_too_long_makes_no_query() {
        assert_eq!(query(1, "a..b"), None);
        assert_eq!(query(1, &"x".repeat(64)), None);
    }
}
