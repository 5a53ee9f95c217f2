/// The middle of some measurements, and how far apart they lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// A quarter is less.
    pub low: f64,
    /// Half is less.
    pub median: f64,
    /// Three quarters are less.
    pub high: f64,
}

/// The quartiles of some measurements, interpolated between neighbours; `None` of none.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    Some(Spread {
        low: quantile(&values, 0.25)?,
        median: quantile(&values, 0.5)?,
        high: quantile(&values, 0.75)?,
    })
}

fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * sorted.len().checked_sub(1)? as f64;
    let below = *sorted.get(at.floor() as usize)?;
    let above = *sorted.get(at.ceil() as usize)?;
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_one_in_the_middle() {
        assert_eq!(spread([9.0, 1.0, 2.0]).unwrap().median, 2.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let spread = spread([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.low, spread.median, spread.high), (1.75, 2.5, 3.25));
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        let calm = spread([1.0, 1.1, 1.2, 1.3, 1.4]).unwrap();
        let disturbed = spread([1.0, 1.1, 1.2, 1.3, 900.0]).unwrap();
        assert_eq!(calm.median, disturbed.median);
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(spread([]), None);
    }
}
