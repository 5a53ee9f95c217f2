/// The generator of Go's `math/rand/v2`: [PCG-DXSM](https://www.pcg-random.org) with 128 bits of state, seeded as
/// `rand.NewPCG` seeds it.
#[derive(Debug)]
pub(super) struct Pcg(u128);

const MULTIPLIER: u128 = (2_549_297_995_355_413_924 << 64) | 4_865_540_595_714_422_341;
const INCREMENT: u128 = (6_364_136_223_846_793_005 << 64) | 1_442_695_040_888_963_407;
const CHEAP: u64 = 0xda94_2042_e4dd_58b5;

impl Pcg {
    pub(super) fn new(high: u64, low: u64) -> Self {
        Self((u128::from(high) << 64) | u128::from(low))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let (mut high, low) = ((self.0 >> 64) as u64, self.0 as u64);
        high ^= high >> 32;
        high = high.wrapping_mul(CHEAP);
        high ^= high >> 48;
        high.wrapping_mul(low | 1)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// The numbers below `n`, shuffled.
    pub(super) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut numbers: Vec<_> = (0..n).collect();
        for last in (1..n).rev() {
            numbers.swap(last, self.below(last + 1));
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_generator_of_go() {
        // Printed by a Go program: rand.NewPCG(1, 2), four times Uint64.
        let mut pcg = Pcg::new(1, 2);
        let expected = [
            0xc4f5_a586_56ee_f510,
            0x9dce_c3ad_077d_ec6c,
            0xc8d0_4605_312f_8088,
            0xcbed_c0dc_b63a_c19a,
        ];
        assert_eq!([(); 4].map(|()| pcg.next()), expected);
    }
}
