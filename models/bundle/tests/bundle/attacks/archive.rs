//! The file as a file: cut, swapped, with members that it should not have.

use bundle::archive::{Writer, header};

use super::{Attack, attack, late};
use crate::world::{Files, Parts};

/// The members of a bundle as they stand in it.
pub fn members(parts: &Parts) -> Vec<(String, Vec<u8>)> {
    let mut members = vec![
        ("bundle.json".into(), parts.manifest.clone()),
        ("signatures.json".into(), parts.signatures.to_bytes().unwrap()),
    ];
    members.extend(parts.files.iter().map(|(path, content)| (format!("model/{path}"), content.clone())));
    members
}

pub fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    members.iter().for_each(|(name, content)| writer.add(name, content).unwrap());
    writer.finish().unwrap()
}

/// The good bundle with its members changed.
fn changed(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
    let mut members = members(&Parts::good());
    change(&mut members);
    archive(&members)
}

/// The good bundle with the header of its member number `member` changed, and its sum made right again.
fn with_header(member: usize, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = Parts::good().bytes();
    let before =
        members(&Parts::good()).iter().take(member).map(|(_, content)| 512 + content.len().next_multiple_of(512)).sum();
    let block = &mut bytes[before..before + 512];
    change(block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

type ChangeOfHeader = fn(&mut [u8]);

fn foreign_headers() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let kinds = [
        ("hard link", b'1'),
        ("symbolic link", b'2'),
        ("character device", b'3'),
        ("block device", b'4'),
        ("folder", b'5'),
        ("pipe", b'6'),
        ("long name", b'L'),
        ("long link", b'K'),
        ("extended header", b'x'),
        ("global header", b'g'),
        ("sparse file", b'S'),
        ("old file", 0),
    ];
    for (name, kind) in kinds {
        attacks.push(attack(format!("{name} as the first file"), with_header(2, |block| block[156] = kind), "B104"));
        attacks.push(late(format!("{name} as a later file"), with_header(4, |block| block[156] = kind), "B104"));
    }
    let link = |block: &mut [u8]| {
        block[156] = b'2';
        block[157..168].copy_from_slice(b"/etc/passwd");
    };
    let fields: [(&str, ChangeOfHeader); 6] = [
        ("set-user-id file", |block| block[100..107].copy_from_slice(b"0004755")),
        ("file of another owner", |block| block[108..115].copy_from_slice(b"0001750")),
        ("file of another time", |block| block[136..147].copy_from_slice(b"00000000001")),
        ("file with a prefix", |block| block[345..348].copy_from_slice(b"../")),
        ("file with a size in base 256", |block| block[124] = 0x80),
        ("file with a name behind its name", |block| block[60..63].copy_from_slice(b"abc")),
    ];
    attacks.push(late("link to a file of the system", with_header(4, link), "B104"));
    attacks.extend(fields.map(|(name, change)| late(name, with_header(4, change), "B104")));
    attacks
}

fn foreign_members() -> Vec<Attack> {
    let add = |name: &str| (name.to_owned(), b"x".to_vec());
    let at = |place: usize, name: &str| changed(|members| members.insert(place, add(name)));
    let end = members(&Parts::good()).len();
    let rename = |place: usize, name: &str| changed(|members| members[place].0 = name.into());
    vec![
        late("file that climbs out of the folder", rename(3, "model/../../etc/passwd"), "B105"),
        late("absolute file", rename(3, "/etc/passwd"), "B105"),
        late("file outside of the model", rename(3, "state.json"), "B105"),
        late("first file that climbs out of the folder", rename(2, "../LICENCE.txt"), "B105"),
        late("extra file before the model's", at(2, "model/extra"), "B105"),
        late("extra file among the model's", at(4, "model/plots/z.svg"), "B105"),
        late("extra file behind the model's", at(end, "model/zzz"), "B105"),
        late("climbing file behind the model's", at(end, "../zzz"), "B105"),
        late("second manifest behind the model's files", at(end, "bundle.json"), "B105"),
        late("file that is there twice", changed(|members| members.insert(4, members[3].clone())), "B105"),
        late("file that is there twice, again at the end", changed(|members| members.push(members[3].clone())), "B105"),
        late("files in another order", changed(|members| members.swap(3, 4)), "B105"),
        late("file that is missing", changed(|members| drop(members.remove(4))), "B105"),
        late("no files", changed(|members| members.truncate(2)), "B105"),
        attack("second manifest", at(1, "bundle.json"), "B105"),
        attack("no signatures", changed(|members| drop(members.remove(1))), "B105"),
        attack("signatures first", changed(|members| members.swap(0, 1)), "B103"),
        attack("a key set without its signatures", at(2, "root/2.json"), "B105"),
    ]
}

pub fn attacks() -> Vec<Attack> {
    let good = Parts::good().bytes();
    let large = |member: usize, len: usize| changed(|members| members[member].1 = vec![b' '; len]);
    let promised = |member: usize| with_header(member, |block| block[124..135].copy_from_slice(b"77777777777"));
    let mut attacks = vec![
        attack("nothing", vec![], "B103"),
        attack("text", b"hello\n".repeat(1_000), "B103"),
        attack("zeros", vec![0; 100_000], "B103"),
        attack("only the end of an archive", vec![0; 1024], "B103"),
        attack("compressed", [&[0x1f, 0x8b, 8, 0][..], &good].concat(), "B103"),
        attack("something before it", [&[0; 512][..], &good].concat(), "B103"),
        attack("oversized manifest", large(0, (256 << 10) + 1), "B106"),
        attack("oversized signatures", large(1, (64 << 10) + 1), "B106"),
        attack("manifest that is promised to be 8 GiB", promised(0), "B106"),
        attack("signatures that are promised to be 8 GiB", promised(1), "B106"),
        late("file that is promised to be 8 GiB", promised(4), "B501"),
        attack("cut off within the manifest", good[..700].to_vec(), "B102"),
        late("cut off within the model", good[..good.len() - 2_000].to_vec(), "B102"),
        late("a byte behind the end", [&good[..], b"x"].concat(), "B107"),
        late("another bundle behind the end", [&good[..], &good[..]].concat(), "B107"),
        late("a lone zero block behind the end", [&good[..], &[0; 512]].concat(), "B107"),
    ];
    attacks.extend(foreign_headers());
    attacks.extend(foreign_members());
    attacks
}

#[test]
fn a_bundle_that_is_cut_anywhere_is_refused() {
    let parts = Parts::good();
    let (good, root, device) = (parts.bytes(), crate::world::root(1), crate::world::device());
    let mut boundaries = vec![];
    let mut at = 0;
    for (_, content) in members(&parts) {
        boundaries.extend([at, at + 1, at + 511, at + 512, at + 513, at + 512 + content.len()]);
        at += 512 + content.len().next_multiple_of(512);
    }
    boundaries.extend([at, at + 1, at + 512, at + 1023]);
    assert_eq!(at + 1024, good.len());
    for len in boundaries.into_iter().chain((0..good.len()).step_by(97)) {
        let refusal = crate::world::take(&good[..len], &root, &device).unwrap_err();
        let expected = if len < 512 { "B103" } else { "B102" };
        assert_eq!(refusal.code(), expected, "cut at {len}: {refusal}");
    }
}

#[test]
fn a_stick_that_fails_is_told_from_a_bad_bundle() {
    struct Failing<'a>(&'a [u8]);
    impl std::io::Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match std::io::Read::read(&mut self.0, buffer)? {
                0 => Err(std::io::Error::other("input/output error")),
                read => Ok(read),
            }
        }
    }
    let good = Parts::good().bytes();
    for len in [0, 100, 600, 2_000] {
        let opened = bundle::open(Failing(&good[..len]), &crate::world::root(1), &crate::world::device());
        assert_eq!(opened.map(|_| ()).unwrap_err().code(), "B101");
    }
}

#[test]
fn headers_of_the_corpus_have_right_sums() {
    let content = Files::from([("a".to_owned(), vec![1])]);
    assert_eq!(with_header(0, |_| ()), Parts::good().bytes(), "the changed header alone must differ");
    assert_eq!(header("a", content["a"].len() as u64).map(|block| block[156]), Some(b'0'));
}
