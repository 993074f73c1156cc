//! Moments as they are written on the command line.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use stile_core::Micros;

/// A moment on the command line: `2026-03-01`, `2026-03-01T12:00:00Z`, or how long ago: `45m`, `24h`, `7d`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    At(Micros),
    SecondsAgo(i64),
}

impl Moment {
    pub fn from(self, now: Micros) -> Micros {
        match self {
            Self::At(at) => at,
            Self::SecondsAgo(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(seconds) = ago(text) {
            return Ok(Self::SecondsAgo(seconds));
        }
        let at = match text.parse::<Date>() {
            Ok(date) if text.len() == "2026-03-01".len() => {
                date.in_tz("UTC").map(|day| day.timestamp()).map_err(|_| ())
            }
            _ => text.parse::<Timestamp>().map_err(|_| ()),
        };
        let at = at.map_err(|()| "write 2026-03-01, 2026-03-01T12:00:00Z, or how long ago: 45m, 24h, 7d")?;
        Ok(Self::At(Micros::new(at.as_microsecond())))
    }
}

/// How many seconds ago `45m`, `24h` or `7d` was.
fn ago(text: &str) -> Option<i64> {
    let unit = match text.chars().next_back()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u32>().ok().filter(|_| plain).map(|count| i64::from(count) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_times_and_spans() {
        let at = |seconds: i64| Ok(Moment::At(Micros::new(seconds * 1_000_000)));
        assert_eq!("1970-01-02".parse(), at(86_400));
        assert_eq!("1970-01-01T01:00:00Z".parse(), at(3_600));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), at(0));
        assert_eq!("45m".parse(), Ok(Moment::SecondsAgo(2_700)));
        assert_eq!("24h".parse(), Ok(Moment::SecondsAgo(86_400)));
        assert_eq!("7d".parse(), Ok(Moment::SecondsAgo(604_800)));
        for bad in [
            "",
            "d",
            "-1d",
            "+1d",
            "7w",
            "7",
            "yesterday",
            "2026-13-01",
            "1970-01-01T01:00:00",
            "é",
            "99999999999d",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
