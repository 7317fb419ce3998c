//! Limits of error of power analysers, from their data sheets.

use power_core::Accuracy;

/// Limits of error of active power of a Yokogawa WT300 at 45 to 66 Hz and power factor 1, twelve months after
/// calibration, for crest factor 3; at 6 or 6A the part of the range doubles.
///
/// `model` is the instrument's own word for itself, such as `WT310E`; `None` for one that is not in the tables.
pub(crate) fn of_yokogawa(model: &str, crest_factor: Option<&str>) -> Option<Accuracy> {
    let (percent_of_range, source) = match model {
        "WT310E" | "WT310EH" | "WT332E" | "WT333E" => {
            (0.05, "Yokogawa IM WT310E-02EN, 7.3.2 (p. 7-7), 45 to 66 Hz, power factor 1, 12 months")
        }
        "WT310" | "WT310HC" | "WT332" | "WT333" => {
            (0.1, "Yokogawa IM WT310-02EN, 7.3.2 (p. 7-7), 45 to 66 Hz, power factor 1, 12 months")
        }
        _ => return None,
    };
    let factor = match crest_factor {
        None | Some("3") => 1.0,
        Some(_) => 2.0,
    };
    Some(Accuracy {
        percent_of_reading: 0.1,
        percent_of_range: percent_of_range * factor,
        source: source.into(),
    })
}

/// Limits of error of active power of a ZES LMG450 at 45 to 65 Hz.
///
/// The range is the product of the peak values of the voltage and the current range, not of their nominal values.
pub(crate) fn of_lmg450() -> Accuracy {
    Accuracy {
        percent_of_reading: 0.07,
        percent_of_range: 0.04,
        source:
            "ZES Zimmer LMG450 user manual 2009-02-17, 12.1.1 (p. 241); range = peak voltage × peak current"
                .into(),
    }
}
