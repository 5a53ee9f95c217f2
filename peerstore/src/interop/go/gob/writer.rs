/// Writes what [`Reader`](super::reader::Reader) reads, in Go's shortest form.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Begins the message of an interface value whose dynamic type has this name.
    pub(super) fn interface(name: &str) -> Self {
        let mut writer = Self::default();
        writer.int(super::INTERFACE).uint(0).bytes(name.as_bytes());
        writer
    }

    pub(super) fn uint(&mut self, number: u64) -> &mut Self {
        let bytes = number.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (_, significant) = bytes.split_at(zeros);
        match significant {
            [] => self.0.push(0),
            [small] if *small < 0x80 => self.0.push(*small),
            _ => {
                // At most 8 bytes, so that the count fits into one.
                let count = u8::try_from(significant.len()).unwrap_or(u8::MAX);
                self.0.push(count.wrapping_neg());
                self.0.extend_from_slice(significant);
            }
        }
        self
    }

    pub(super) fn int(&mut self, number: i64) -> &mut Self {
        let bits = number.cast_unsigned() << 1;
        self.uint(if number < 0 { !bits } else { bits })
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.uint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// What was written, with its length before it.
    pub(super) fn counted(&mut self, content: &Self) -> &mut Self {
        self.bytes(&content.0)
    }

    /// What was written.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}
