//! Event files that TensorBoard reads, beside the run's own log.
//!
//! Only scalars are written, so the few protocol-buffer fields they need are encoded here; the crates that write such
//! files (`tensorboard-rs`, `tboard`) are years old and bring an image library or an older `prost` with them. Each record
//! goes out in one write: a kill leaves at most a truncated last record, which TensorBoard passes over.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::SystemTime,
};

use crc::{CRC_32_ISCSI, Crc};

/// The folder of event files in a run's folder.
pub const FOLDER: &str = "tensorboard";

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// An event file that is being written.
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Begins a new file in `run` for what comes after `step`. A run that is resumed has several; what an older one holds
    /// of later steps, because the run was killed after its checkpoint, is declared void.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn create(run: &Path, step: u64, now: SystemTime) -> io::Result<Self> {
        let folder = run.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let seconds = seconds(now);
        // TensorBoard reads the files of a folder in the order of their names.
        let name = format!("events.out.tfevents.{:010}.{step:010}", seconds as u64);
        let mut file = Self { file: File::create(folder.join(name))? };
        let mut version = Message::event(seconds, 0);
        version.bytes(3, b"brain.Event:2");
        file.record(&version.0)?;
        let mut session = Message::event(seconds, step + 1);
        let mut start = Message::default();
        start.varint(1, 1); // SessionLog.status = START: drop what is known of this step and later ones
        session.bytes(7, &start.0);
        file.record(&session.0)?;
        Ok(file)
    }

    /// Adds values of `step`.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        scalars: impl IntoIterator<Item = (&'a str, f64)>,
        now: SystemTime,
    ) -> io::Result<()> {
        self.record(&scalar_event(step, scalars, seconds(now)).0)
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(&framed(data))
    }
}

fn seconds(now: SystemTime) -> f64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn scalar_event<'a>(step: u64, scalars: impl IntoIterator<Item = (&'a str, f64)>, seconds: f64) -> Message {
    let mut summary = Message::default();
    for (tag, value) in scalars {
        let mut scalar = Message::default();
        scalar.bytes(1, tag.as_bytes());
        scalar.float(2, value as f32);
        summary.bytes(1, &scalar.0);
    }
    let mut event = Message::event(seconds, step);
    event.bytes(5, &summary.0);
    event
}

/// A record of a TFRecord file: the length, its checksum, the data, its checksum.
fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// CRC-32C, masked because a checksum over data that holds checksums says little.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    CRC.checksum(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A protocol-buffer message in the making; fields are given in the order of their numbers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// The beginning of an `Event`: wall time and step, which is left out where it is 0.
    fn event(seconds: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, 1);
        event.0.extend(seconds.to_le_bytes());
        if step > 0 {
            event.varint(2, step);
        }
        event
    }

    fn key(&mut self, field: u8, wire_type: u8) {
        self.0.push(field << 3 | wire_type);
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.key(field, 0);
        self.raw_varint(value);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What TensorBoard 2.21 writes:
    ///
    ///     import io
    ///     from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    ///     from tensorboard.summary.writer.record_writer import RecordWriter
    ///
    ///     def record(event):
    ///         out = io.BytesIO()
    ///         RecordWriter(out).write(event.SerializeToString())
    ///         return out.getvalue().hex()
    ///
    ///     event = Event(wall_time=1700000000.5, step=300)
    ///     event.summary.value.add(tag="loss", simple_value=2.5)
    ///     event.summary.value.add(tag="learning_rate", simple_value=0.001)
    ///     print(record(Event(wall_time=1700000000.5, file_version="brain.Event:2")))
    ///     print(record(Event(wall_time=1700000000.5, step=300, session_log=SessionLog(status=SessionLog.START))))
    ///     print(record(event))
    const WANTED: [&str; 3] = [
        "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110",
        "100000000000000095fbfe180900002040fc54d94110ac023a020801b94512a3",
        "31000000000000009d8383e90900002040fc54d94110ac022a230a0b0a046c6f737315000020400a140a0d6c6561726e696e675f72617465\
         156f12833a5431f277",
    ];

    #[test]
    fn the_bytes_are_those_of_tensorboard() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let mut file = EventFile::create(run.path(), 299, now).expect("created");
        file.scalars(300, [("loss", 2.5), ("learning_rate", 0.001)], now).expect("written");
        let path = run.path().join(FOLDER).join("events.out.tfevents.1700000000.0000000299");
        let hex: String = fs::read(path).expect("a file").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, WANTED.concat());
    }
}
