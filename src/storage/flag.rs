//! A truth value in a BIGINT column, as every engine has it.

use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flag(pub bool);

impl From<i64> for Flag {
    fn from(number: i64) -> Self {
        Self(number != 0)
    }
}

impl From<Flag> for i64 {
    fn from(flag: Flag) -> Self {
        Self::from(flag.0)
    }
}
