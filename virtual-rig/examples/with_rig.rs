//! Runs a command on a virtual node: `with_rig [RIG.toml] -- COMMAND [ARGUMENTS]`.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};

use virtual_rig::{Description, VirtualRig};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (own, command) = match words.iter().position(|word| word == "--") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (&words[..0], &words[..]),
    };
    let [program, arguments @ ..] = command else {
        return Err("usage: with_rig [RIG.toml] -- COMMAND [ARGUMENTS]".into());
    };
    let description = match own {
        [] => Description::default(),
        [file, ..] => Description::from_file(Path::new(file))?,
    };
    let rig = VirtualRig::start(description)?;
    let status = Command::new(program).args(arguments).envs(rig.env()).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
