//! Trains the dictionary that small bodies are compressed with, and measures what it gains.
//!
//! `bench dictionary --train FILE` writes it; the same sources give the same bytes. `bench dictionary` measures: on charts that
//! it was not trained on, and on the bundles of a folder if SATCHEL_DATA_DIR names one.

mod charts;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_bytes::ByteBuf;
use sync_protocol::Signature;
use sync_protocol::frame::{BatchBody, Body, DeliveredDocument, DictionaryId, Packed, PushBody, PushedDocument};
use sync_protocol::identity::ChangeSignature;
use sync_protocol::{AuthorId, ChangeHash};

use crate::failure::Failure;
use charts::{History, generated, histories};

/// Charts that it is trained on: the even seeds below twice that.
const TRAINED: u64 = 400;
/// Charts that it is measured on: as many odd seeds.
const MEASURED: u64 = 120;
/// Longest body that is trained on, in bytes: longer ones have what they need in themselves.
const LONGEST: usize = 16 * 1024;
/// Bytes of the dictionary.
const SIZE: usize = 32 * 1024;
/// Bytes of bodies of a first sync.
const BODY: usize = 512 * 1024;
/// As bodies are compressed.
const LEVEL: i32 = 3;
/// Edits that a device finds at once after an absence.
const SEEN_TOGETHER: usize = 100;

/// Trains or measures the dictionary
#[derive(Debug, Parser)]
#[command(name = "bench dictionary")]
struct Args {
    /// Train it and write it to this file
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Its size in bytes
    #[arg(long, default_value_t = SIZE)]
    size: usize,
    /// Measure this one instead of the one that is shipped
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
}

/// Runs `bench dictionary`.
///
/// # Errors
/// Whatever goes wrong.
pub fn run(args: impl Iterator<Item = String>) -> Result<(), Failure> {
    let args = Args::parse_from(args);
    if let Some(file) = args.train {
        return train(&file, args.size);
    }
    let shipped = DictionaryId::CLINICAL_1.content().unwrap_or_default();
    let dictionary = args.with.map_or_else(|| Ok(shipped.to_vec()), std::fs::read)?;
    println!("| bodies | count | before compression | zstd | with the dictionary |\n|---|---|---|---|---|");
    let held_out: Result<Vec<_>, _> = (0..MEASURED).map(|n| generated(2 * n + 1)).collect();
    measure("generated charts, held out", &held_out?.into_iter().flatten().collect::<Vec<_>>(), &dictionary)?;
    if let Some(folder) = std::env::var_os("SATCHEL_DATA_DIR") {
        measure("bundles of the folder", &of_folder(Path::new(&folder))?, &dictionary)?;
    }
    Ok(())
}

fn train(file: &Path, size: usize) -> Result<(), Failure> {
    let mut samples = Vec::new();
    for seed in (0..TRAINED).map(|n| 2 * n) {
        for history in generated(seed)? {
            samples.extend(history.edits.iter().map(|edit| uncompressed(&delivered(&history, edit))));
            samples.extend(history.edits.iter().take(1).map(|edit| uncompressed(&pushed(&history, edit))));
            samples.push(uncompressed(&whole([&history])));
        }
    }
    samples.retain(|sample| sample.len() <= LONGEST);
    let dictionary = zstd::dict::from_samples(&samples, size)?;
    println!("{} bodies, {} bytes; dictionary: {} bytes", samples.len(), samples.concat().len(), dictionary.len());
    Ok(std::fs::write(file, dictionary)?)
}

fn of_folder(folder: &Path) -> Result<Vec<History>, Failure> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut all = Vec::new();
    for (seed, file) in files.into_iter().enumerate() {
        let mut bundle = Vec::new();
        let bytes = std::fs::read(file.path())?;
        match file.path().extension().is_some_and(|extension| extension == "gz") {
            true => drop(flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut bundle)?),
            false => bundle = bytes,
        }
        all.extend(histories(&bundle, seed as u64)?);
    }
    Ok(all)
}

fn measure(which: &str, histories: &[History], dictionary: &[u8]) -> Result<(), Failure> {
    let edits: Vec<_> = histories.iter().flat_map(|h| h.edits.iter().map(move |edit| delivered(h, edit))).collect();
    let pushes: Vec<_> = histories.iter().flat_map(|h| h.edits.iter().map(move |edit| pushed(h, edit))).collect();
    let together: Vec<_> = edits
        .chunks_exact(SEEN_TOGETHER)
        .map(|some| BatchBody {
            documents: some.iter().flat_map(|b| b.documents.clone()).collect(),
            ..BatchBody::default()
        })
        .collect();
    let alone: Vec<_> = histories.iter().map(|history| whole([history])).collect();
    row(which, "one edit, delivered", &edits, dictionary)?;
    row(which, "one edit, uploaded", &pushes, dictionary)?;
    row(which, "100 edits of as many documents", &together, dictionary)?;
    row(which, "one document, whole", &alone, dictionary)?;
    row(which, "first sync", &first_sync(histories), dictionary)
}

fn row<T: Body>(which: &str, what: &str, bodies: &[T], dictionary: &[u8]) -> Result<(), Failure> {
    let mut with = zstd::bulk::Compressor::with_dictionary(LEVEL, dictionary)?;
    with.set_parameter(zstd::zstd_safe::CParameter::ContentSizeFlag(false))?;
    with.set_parameter(zstd::zstd_safe::CParameter::DictIdFlag(false))?;
    let (mut raw, mut alone, mut helped) = (0, 0, 0);
    for body in bodies {
        let (uncompressed, packed) = (Packed::uncompressed(body), Packed::pack(body));
        raw += uncompressed.data.len() + uncompressed.plain.len();
        alone += packed.data.len() + packed.plain.len();
        helped += with.compress(&uncompressed.data)?.len() + uncompressed.plain.len();
    }
    let count = bodies.len().max(1);
    println!("| {which}: {what} | {count} | {} | {} | {} |", raw / count, alone / count, helped / count);
    Ok(())
}

fn first_sync(histories: &[History]) -> Vec<BatchBody> {
    let (mut bodies, mut size) = (vec![Vec::new()], 0);
    for history in histories {
        if size >= BODY {
            (size, _) = (0, bodies.push(Vec::new()));
        }
        size += history.written.iter().map(|change| change.bytes.len()).sum::<usize>();
        bodies.last_mut().into_iter().for_each(|body: &mut Vec<&History>| body.push(history));
    }
    bodies.into_iter().map(whole).collect()
}

fn uncompressed<T: Body>(body: &T) -> Vec<u8> {
    Packed::uncompressed(body).data.into_vec()
}

fn whole<'a>(histories: impl IntoIterator<Item = &'a History>) -> BatchBody {
    let documents = histories.into_iter().map(|history| {
        let changes = history.written.iter().map(|change| ByteBuf::from(change.bytes.clone())).collect();
        let tip = history.written.last();
        DeliveredDocument {
            document: history.descriptor.id(),
            descriptor: Some(history.descriptor.clone()),
            changes,
            signatures: tip.map(signature).into_iter().collect(),
            more: false,
            break_glass_until: None,
        }
    });
    BatchBody { documents: documents.collect(), ..BatchBody::default() }
}

fn delivered(history: &History, edit: &clinical_record::EncodedChange) -> BatchBody {
    let document = DeliveredDocument {
        document: history.descriptor.id(),
        descriptor: None,
        changes: vec![ByteBuf::from(edit.bytes.clone())],
        signatures: vec![signature(edit)],
        more: false,
        break_glass_until: None,
    };
    BatchBody { documents: vec![document], ..BatchBody::default() }
}

fn pushed(history: &History, edit: &clinical_record::EncodedChange) -> PushBody {
    let document = PushedDocument {
        descriptor: history.descriptor.clone(),
        changes: vec![ByteBuf::from(edit.bytes.clone())],
        signatures: vec![signature(edit)],
    };
    PushBody { documents: vec![document], ..PushBody::default() }
}

/// Of the right length; its bytes stand outside of what is compressed.
fn signature(change: &clinical_record::EncodedChange) -> ChangeSignature {
    let author = AuthorId::of_actor(&change.meta.actor).unwrap_or(AuthorId([0; 16]));
    ChangeSignature { author, tip: ChangeHash(change.meta.hash), signature: Signature([0x5A; 64]) }
}
