// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Enums of other people's words: states, modes, types. A word that this version does not know is kept as it came, so that
//! a newer service is still understood in all the rest.

/// Declares such an enum: serialised as the word itself, with an `Unknown` arm.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$arm_doc:meta])* $arm:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$arm_doc])* $arm,)+
            /// A word that this version does not know, as it came.
            Unknown(String),
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$arm => $word,)+
                    $name::Unknown(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> $name {
                match word.as_str() {
                    $($word => $name::$arm,)+
                    _ => $name::Unknown(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> String {
                word.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    words!(Colour { Red = "red", DeepBlue = "deep-blue" });

    #[test]
    fn known_words_are_arms_and_new_ones_are_kept() {
        let read: Vec<Colour> = serde_json::from_str(r#"["red","deep-blue","mauve"]"#).unwrap();
        assert_eq!(read[0], Colour::Red);
        assert_eq!(read[1].to_string(), "deep-blue");
        assert_eq!(read[2], Colour::Unknown("mauve".to_owned()));
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            r#"["red","deep-blue","mauve"]"#
        );
    }
}
