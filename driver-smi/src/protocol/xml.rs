//! What `-q -x` prints.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::report::Form;
use super::{GpuReport, Malformed, Report, parse_log_time};

/// Deeper nesting than any log has: it would be something else, and memory is bounded by it.
const DEEPEST: usize = 64;

/// Why a log cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It is not XML.
    #[error("not well-formed XML at byte {at}: {cause}")]
    Syntax {
        /// Where.
        at: u64,
        /// What the reader of XML said.
        cause: String,
    },
    /// It ends before its end: it was cut off, or there was none.
    #[error("the log ends before </nvidia_smi_log>")]
    CutOff,
    /// It is nested deeper than any log.
    #[error("nested deeper than {DEEPEST} elements")]
    TooDeep,
    /// A value is neither a value nor an absence.
    #[error("{path}: {malformed}")]
    Cell {
        /// The elements below `gpu`.
        path: String,
        /// What it should have been.
        malformed: Malformed,
    },
}

/// Hands every text in a log to `visit`, with the path of its elements: `nvidia_smi_log/gpu/uuid`.
///
/// The beginning of each GPU is handed over as the path `nvidia_smi_log/gpu` with its bus id. Lines before the log,
/// such as warnings, are passed over. Several logs in a row are visited one after another.
///
/// # Errors
///
/// - [`XmlError::Syntax`], [`XmlError::TooDeep`] and [`XmlError::CutOff`], after what came before was visited.
/// - that of `visit`, unchanged.
pub fn visit<E: From<XmlError>>(
    log: &str,
    mut visit: impl FnMut(&str, &str) -> Result<(), E>,
) -> Result<(), E> {
    // Warnings go to the same output, before the log; some have a `<` in them.
    let log = log.find("<?xml").or_else(|| log.find("<nvidia_smi_log")).map_or("", |start| &log[start..]);
    let mut reader = Reader::from_str(log);
    let mut path = String::new();
    let mut text = String::new();
    let mut starts = Vec::new();
    let mut complete = false;
    loop {
        let event = reader.read_event();
        match event.map_err(|error| syntax(reader.error_position(), &error))? {
            Event::Start(element) => {
                if starts.len() >= DEEPEST {
                    return Err(XmlError::TooDeep.into());
                }
                if element.name().as_ref().is_empty() {
                    return Err(syntax(reader.buffer_position(), &"an element without a name").into());
                }
                text.clear();
                starts.push(path.len());
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(element.name().as_ref());
                if path == "nvidia_smi_log/gpu" {
                    let id = element.try_get_attribute("id").ok().flatten();
                    let id = id.map(|id| id.value.into_owned());
                    visit(&path, id.as_deref().unwrap_or_default().trim())?;
                }
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(reference) => match (reference.resolve_char_ref(), &*reference) {
                (Ok(Some(character)), _) => text.push(character),
                (_, "amp") => text.push('&'),
                (_, "lt") => text.push('<'),
                (_, "gt") => text.push('>'),
                (_, "quot") => text.push('"'),
                (_, "apos") => text.push('\''),
                _ => return Err(syntax(reader.buffer_position(), &"unknown entity").into()),
            },
            Event::End(_) => {
                if !text.trim().is_empty() {
                    visit(&path, text.trim())?;
                }
                text.clear();
                path.truncate(starts.pop().unwrap_or_default());
                complete = starts.is_empty();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if complete { Ok(()) } else { Err(XmlError::CutOff.into()) }
}

fn syntax(at: u64, cause: &dyn std::fmt::Display) -> XmlError {
    XmlError::Syntax { at, cause: cause.to_string() }
}

/// Reads one log, or several in a row.
///
/// Power is found wherever a driver generation has it: under `power_readings` until 530, `gpu_power_readings` since
/// 535, there as `power_draw` until 565 and as `average_power_draw` and `instant_power_draw` since 570.
///
/// # Errors
///
/// - [`XmlError`] if the text is not a whole log, or has a value that makes no sense.
pub fn parse(log: &str) -> Result<Vec<Report>, XmlError> {
    let mut reports = Vec::new();
    let mut gpu: Option<GpuReport> = None;
    let mut open: Option<Report> = None;
    visit(log, |path, text| {
        let Some(path) = path.strip_prefix("nvidia_smi_log/") else { return Ok(()) };
        // A log begins with its time.
        if path == "timestamp" {
            close(&mut open, &mut gpu, &mut reports);
            open = Some(Report { time: parse_log_time(text), ..Report::default() });
            return Ok(());
        }
        let report = open.get_or_insert_default();
        match path {
            "driver_version" => report.driver_version = Some(text.to_owned()),
            "attached_gpus" => report.attached = text.parse().ok(),
            "gpu" => {
                report.gpus.extend(gpu.take().map(GpuReport::finish));
                gpu = Some(GpuReport { bus_id: text.to_owned(), ..GpuReport::default() });
            }
            _ => {
                if let (Some(gpu), Some(path)) = (&mut gpu, path.strip_prefix("gpu/")) {
                    gpu.take(Form::Xml, path, text)
                        .map_err(|(path, malformed)| XmlError::Cell { path, malformed })?;
                }
            }
        }
        Ok::<(), XmlError>(())
    })?;
    close(&mut open, &mut gpu, &mut reports);
    Ok(reports)
}

fn close(open: &mut Option<Report>, gpu: &mut Option<GpuReport>, reports: &mut Vec<Report>) {
    if let Some(mut report) = open.take() {
        report.gpus.extend(gpu.take().map(GpuReport::finish));
        reports.push(report);
    }
}
