/// Why a row cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Damaged(&'static str),
    /// It is a value of this type.
    Type(String),
}

/// Reads what is encoded; nothing is copied, and lengths are held against what is there.
#[derive(Debug)]
pub(super) struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    pub(super) fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    /// An unsigned number: a byte below 128 is it, another one says, negated, how many bytes it has.
    pub(super) fn uint(&mut self) -> Result<u64, Flaw> {
        let [first] = self.array()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let len = usize::from(first.wrapping_neg());
        if len > 8 {
            return Err(Flaw::Damaged("a number has more than 8 bytes"));
        }
        Ok(self.take(len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number with its sign in the lowest bit.
    pub(super) fn int(&mut self) -> Result<i64, Flaw> {
        let bits = self.uint()?;
        let number = (bits >> 1).cast_signed();
        Ok(if bits & 1 == 1 { !number } else { number })
    }

    /// The 0 that stands before a value that is not a struct.
    pub(super) fn zero(&mut self) -> Result<(), Flaw> {
        match self.uint()? {
            0 => Ok(()),
            _ => Err(Flaw::Damaged("a value does not begin with 0")),
        }
    }

    /// What has its length before it: a message, or a value in an interface.
    pub(super) fn counted(&mut self) -> Result<Self, Flaw> {
        self.bytes().map(Self)
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self) -> Result<&'d [u8], Flaw> {
        let len = self.uint()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<&'d str, Flaw> {
        str::from_utf8(self.bytes()?).map_err(|_| Flaw::Damaged("a name is not UTF-8"))
    }

    /// The fields of a struct: calls `field` with the number of each, the first being 0.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, u64) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let mut next = 0_u64;
        loop {
            let delta = self.uint()?;
            if delta == 0 {
                return Ok(());
            }
            let number = next.checked_add(delta - 1);
            let number = number.ok_or(Flaw::Damaged("a field has no number"))?;
            field(self, number)?;
            next = number.saturating_add(1);
        }
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), Flaw> {
        if self.0.is_empty() { Ok(()) } else { Err(Flaw::Damaged("something follows its end")) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (array, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'d [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }
}

const SHORT: Flaw = Flaw::Damaged("it is cut short");
