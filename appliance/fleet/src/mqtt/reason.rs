//! What a broker's reason codes mean (MQTT 5.0 section 2.4), in words for a technician.

/// From here on a reason is a failure.
pub(super) const FAILURE: u8 = 0x80;
/// The packet is longer than the broker takes.
pub(super) const PACKET_TOO_LARGE: u8 = 0x95;
/// The content is not what the broker wants.
pub(super) const PAYLOAD_FORMAT: u8 = 0x99;

/// The reason in words. What the broker may say beside it is not repeated.
pub(super) fn words(reason: u8) -> String {
    let words = match reason {
        // 1 is what a broker of version 3.1.1 answers (its section 3.2.2.3).
        0x01 | 0x84 => "does not speak MQTT 5.0, which is needed; use a broker that does, or switch it on there",
        0x85 => "does not take `box` as a client id; choose another name",
        0x86 => "does not accept user name and password; compare `user` and `password_file` with the broker's",
        0x87 => "does not allow this user to publish there; allow it `{prefix}/{box}/#` in its access list",
        0x88 | 0x89 => "cannot serve anybody just now",
        0x8a => "has banned this client; its administrator must allow it again",
        0x8b => "shuts down",
        0x8d => "heard nothing in time and ended the connection",
        0x8e => "ended the connection for another client with the same name; give each box its own `box`",
        0x90 => "does not take the topic; choose another `prefix`",
        PACKET_TOO_LARGE => "does not take messages of this size",
        0x96 | 0x97 | 0x9f => "has had too much of this box, by its limits",
        0x98 => "was told by its administrator to end the connection",
        PAYLOAD_FORMAT => "does not take this content",
        0x9a => "keeps no messages (retain), which the status needs; switch it on there",
        0x9b => "does not offer acknowledged messages (QoS 1), which are needed; switch them on there",
        0x9c | 0x9d => "is not the right one any more; ask its administrator for the new address",
        _ => "refuses",
    };
    format!("the broker {words} (reason {reason:#04x})")
}
