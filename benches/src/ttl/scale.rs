use std::ops::Range;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct TtlScale {
    /// Values in a store; in a large one there are ten times as many.
    pub stored: usize,
    /// Values that expire from round to round.
    pub due: usize,
    /// Pairs of rounds of sweeps.
    pub rounds: usize,
    /// Writes of a round.
    pub writes: usize,
}

impl TtlScale {
    /// As the goals have it: ten thousand due in ten million.
    pub fn full() -> Self {
        Self { stored: 1_000_000, due: 10_000, ..Self::usual() }
    }

    /// For figures to be believed, in two minutes.
    pub fn usual() -> Self {
        Self { stored: 200_000, due: 5_000, rounds: 21, writes: 5_000 }
    }

    /// A first look.
    pub fn quick() -> Self {
        Self { stored: 50_000, due: 2_000, rounds: 7, writes: 2_000 }
    }

    pub(super) fn many(self) -> usize {
        10 * self.stored
    }

    pub(super) fn write_rounds(self) -> usize {
        5 * self.rounds
    }

    /// The numbers of the values that expire in a round.
    pub(super) fn due_in(self, round: usize) -> Range<usize> {
        round * self.due..(round + 1) * self.due
    }

    /// The numbers of all values that expire in rounds; the rest of a store stays for longer than any run.
    pub(super) fn all_due(self) -> Range<usize> {
        0..self.rounds * self.due
    }

    /// The numbers of the values that are written in a round, none of which expires.
    pub(super) fn written(self, round: usize) -> impl Iterator<Item = usize> + use<> {
        let first = self.all_due().end;
        let stays = self.stored - first;
        let Self { writes, .. } = self;
        (0..writes).map(move |number| first + (round * writes + number) % stays)
    }
}
