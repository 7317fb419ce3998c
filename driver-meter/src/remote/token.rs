//! The token by which a server knows who may read.

use std::fmt;

use power_core::{Error, ErrorKind, Result};
use subtle::ConstantTimeEq;

/// Fewest and most characters of a token.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Random bytes of a token that is made here: 128 bits cannot be guessed.
const RANDOM: usize = 16;

/// A secret that server and reader share. It is never shown but by [`reveal`](Self::reveal).
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token of this text, without white space around it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] unless it has 8 to 128 printable ASCII characters without a space.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        let message = "a token has 8 to 128 printable ASCII characters, and no space among them";
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }

    /// A new token of 128 random bits from the operating system.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unavailable`] if the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0_u8; RANDOM];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::from_io(ErrorKind::Unavailable, "no random token can be made", error.into())
        })?;
        Ok(Self(format!("{:032x}", u128::from_ne_bytes(bytes))))
    }

    /// The token itself, to be handed to who may read.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this token. Takes as long however much of it is right.
    pub fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart_and_never_shown() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_eq!(one.reveal().len(), 32);
        assert!(
            one.is(one.reveal()) && !one.is(other.reveal()) && !one.is("") && !one.is(&one.reveal()[1..])
        );
        assert_eq!(format!("{one:?}"), "Token(…)");
        assert!(Token::new(" with-a-line-end\n").unwrap().is("with-a-line-end"));
        for text in ["short", "has a space in it", "ünïcödé-token"] {
            assert_eq!(Token::new(text).unwrap_err().kind(), ErrorKind::InvalidConfig);
        }
    }
}
