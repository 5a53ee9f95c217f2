//! Messages of protobuf that others wrote.

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};

/// A message as the specification of protobuf has it read: a field of another wire type than that of the
/// schema is one that is not known, and is skipped. `prost` alone refuses the whole message for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lenient<M>(pub(crate) M);

/// Reads such a message.
pub(crate) fn decode<M: Schema>(message: Bytes) -> Result<M, DecodeError> {
    Lenient::decode(message).map(|Lenient(message)| message)
}

/// The wire types of a message's fields.
pub(crate) trait Schema: Message + Default {
    /// The number of each field, and its wire type.
    const FIELDS: &[(u32, WireType)];
}

impl<M: Schema> Message for Lenient<M> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.0.encode_raw(buf);
    }

    fn merge_field(
        &mut self,
        number: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if M::FIELDS.contains(&(number, wire_type)) {
            self.0.merge_field(number, wire_type, buf, context)
        } else {
            skip_field(wire_type, number, buf, context)
        }
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
