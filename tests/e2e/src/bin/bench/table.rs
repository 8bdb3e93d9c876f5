//! Times and how they are printed.

use std::fmt;
use std::time::Duration;

/// Times of one kind.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        let place = self.0.partition_point(|other| *other <= time);
        self.0.insert(place, time);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The nearest-rank percentile in milliseconds; not a number where there are no times.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(f64::NAN, |time| milliseconds(*time))
    }

    /// The cells p50 and p99.
    pub fn cells(&self) -> [String; 2] {
        [50, 99].map(|percent| number(self.percentile(percent), 1))
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times = Self(times.into_iter().collect());
        times.0.sort_unstable();
        times
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A number as a cell; a dash where there is none.
pub fn number(number: f64, decimals: usize) -> String {
    if number.is_finite() { format!("{number:.decimals$}") } else { "-".into() }
}

/// Rows of cells: the first column is words, the others are numbers.
pub struct Table(Vec<Vec<String>>);

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self(vec![head.map(str::to_owned).into()])
    }

    pub fn row(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        self.0.push([name.to_owned()].into_iter().chain(cells).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column| self.0.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
        for row in &self.0 {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column).unwrap_or_default();
                if column == 0 { write!(f, "{cell:<width$}")? } else { write!(f, "  {cell:>width$}")? }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Table, Times, number};

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Times = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(times.cells(), ["100.0", "198.0"]);
        let mut times = Times::default();
        assert_eq!(times.cells(), ["-", "-"]);
        for time in [3, 1, 2] {
            times.push(Duration::from_millis(time));
        }
        assert_eq!((times.len(), times.cells()), (3, ["2.0".into(), "3.0".into()]));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["", "p50"]);
        table.row("Job", [number(2889.06, 1)]);
        table.row("CodeRun", [number(f64::NAN, 1)]);
        assert_eq!(table.to_string(), "            p50\nJob      2889.1\nCodeRun       -\n");
    }
}
