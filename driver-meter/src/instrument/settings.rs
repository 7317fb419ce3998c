//! What instruments are told by options, beyond what each knows alone.

use power_core::{Error, ErrorKind, Options, Result, Scope};

use super::Patience;

/// Refuses options that are neither common to all instruments nor `own`.
pub(crate) fn check(options: &Options, own: &[&str]) -> Result<()> {
    let known: Vec<&str> = own.iter().chain(&Patience::OPTIONS).copied().collect();
    options.only(&known)
}

/// The scope that option `scope` names, else `otherwise`.
///
/// `node_ac`, `node_dc`, `board`, `module`, `package`, `unknown`, or `rail:NAME`.
pub(crate) fn scope(options: &Options, otherwise: Scope) -> Result<Scope> {
    let Some(text) = options.text("scope") else { return Ok(otherwise) };
    Ok(match text {
        "node_ac" => Scope::NodeAc,
        "node_dc" => Scope::NodeDc,
        "board" => Scope::Board,
        "module" => Scope::Module,
        "package" => Scope::Package,
        "unknown" => Scope::Unknown,
        _ => {
            let rail = text.strip_prefix("rail:").filter(|name| !name.is_empty());
            let name = rail.ok_or_else(|| {
                wrong("scope", text, "it is node_ac, node_dc, board, module, package, unknown or rail:NAME")
            })?;
            Scope::Rail(name.to_owned().into())
        }
    })
}

/// A positive, finite number.
pub(crate) fn positive(options: &Options, name: &str) -> Result<Option<f64>> {
    match options.parse::<f64>(name)? {
        Some(number) if !(number.is_finite() && number > 0.0) => {
            let message = format!("{name} = {number}: it is a number above 0");
            Err(Error::new(ErrorKind::InvalidConfig, message))
        }
        number => Ok(number),
    }
}

/// An error about one option.
pub(crate) fn wrong(name: &str, text: &str, right: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{name} = {text:?}: {right}"))
}
