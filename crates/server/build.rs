//! Compresses the files that the server sends as they are, so that no request has to. `packed.rs` lists them by name, each
//! beside its `.br` and `.gz`.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

const DOCUMENT: &str = "../../openapi.json";
const VIEWER: &str = "assets/docs";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed={VIEWER}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo names no folder")?);
    let mut list = String::from("&[\n");
    pack("openapi.json", Path::new(DOCUMENT), &out, &mut list)?;
    for file in fs::read_dir(VIEWER)? {
        let file = file?;
        let name = format!("docs/{}", file.file_name().to_string_lossy());
        pack(&name, &file.path(), &out, &mut list)?;
    }
    list.push(']');
    fs::write(out.join("packed.rs"), list)?;
    Ok(())
}

/// Writes a file and its smaller forms into a folder, and adds them to the list.
fn pack(name: &str, file: &Path, folder: &Path, list: &mut String) -> Result<(), Box<dyn Error>> {
    let content = fs::read(file)?;
    // The highest quality takes seconds in a build without optimisation, and gains a few percent.
    let params =
        BrotliEncoderParams { quality: 9, size_hint: content.len(), ..BrotliEncoderParams::default() };
    let mut brotli = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut brotli, &params)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&content)?;
    let gzip = gzip.finish()?;
    for (ending, bytes) in [("", content), (".br", brotli), (".gz", gzip)] {
        let name = format!("{name}{ending}");
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
        writeln!(
            list,
            "({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/\", {name:?})).as_slice()),"
        )?;
    }
    Ok(())
}
