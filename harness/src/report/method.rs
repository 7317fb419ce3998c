//! The end of the page: notes on the data, how each number is made, the data themselves.

use std::fmt::Write as _;

use super::text::escape;
use super::verdict;
use crate::comparison::RunComparison;

/// How each number is made: title, and a paragraph of HTML.
const METHODS: [(&str, &str); 8] = [
    (
        "Energy",
        "The naive energy is the integral of the readings as they stand, by the trapezoid rule, from the first to the \
         last moment that both recorded; of a counter it is the difference of two counts. The error is E<sub>sensor</sub> \
         / E<sub>reference</sub> - 1. Its 95 % interval is that of a ratio of sums over blocks of neighbouring readings, \
         drawn for both at once (circular block bootstrap, Politis and Romano 1992, studentised after Götze and Künsch \
         1996; block length by Politis and White 2004; below 50 blocks Student's t on batch means). The guard-banded \
         energy starts one window and two update periods before the load, ends as long after it, and takes off idle power \
         times both guards.",
    ),
    (
        "Publications",
        "A polled sensor is read many times between two changes of its value. Only changes count: a publication lies \
         between the last reading of the old value and the first of the new one. The update period is the median time \
         between publications, or the nominal one if that is longer. Coverage is the share of a phase that publications \
         cover, attention min(1, W/T) for window W and period T, and sample ratio the readings taken over those asked for.",
    ),
    (
        "Phases",
        "A phase is judged by what the sensor published within it, never by its error: fewer than three publications \
         leave it unresolved, a pause of more than three update periods is a gap, and fewer than half of the publications \
         that its period promises are under-sampled. Errors of groups are those of sums over their phases, with phases as \
         the blocks of the interval.",
    ),
    (
        "Correlation",
        "Pearson's and Spearman's coefficients of matched pairs have intervals by Fisher's transform (1921), with the \
         effective number of pairs in place of their count: neighbouring pairs repeat each other, and the initial monotone \
         sequence of Geyer (1992) says how much. Neither sees a wrong gain or offset. Lin's concordance (1989), \
         CCC = 2s<sub>xy</sub> / (s<sub>x</sub>² + s<sub>y</sub>² + (x̄ - ȳ)²), does.",
    ),
    (
        "Distributions",
        "Both distribution functions are weighted by time, after the reference was brought to the sensor's bandwidth; \
         without that they would differ by what averaging hides. D is their greatest distance (Kolmogorov and Smirnov); \
         its p-value comes from permuting blocks of pairs between the two, since the textbook formula wants independent \
         readings, and is never 0 (Phipson and Smyth 2010). Bands are those of Dvoretzky, Kiefer and Wolfowitz with \
         Massart's constant (1990), √(ln(2/α) / 2n), n being the effective number of pairs. W<sub>1</sub>, the area \
         between the functions, is split into the bias of the means and the rest, which no constant removes.",
    ),
    (
        "Agreement",
        "Bias and limits of agreement follow Bland and Altman (1986): mean difference and 1.96 standard deviations to \
         either side, each with its interval. Where the difference grows with the level they are those of the ratio, from \
         logarithms (1999). The line reference = intercept + slope × sensor is by least squares, with standard errors \
         HC3 (MacKinnon and White 1985) for the effective number of pairs.",
    ),
    (
        "Why",
        "The reference is seen through the sensor's window at the sensor's own publications and read when the sensor was \
         read. What energy that shows is what a perfect sensor would have shown; what remains of the error has another \
         cause: gain, offset, delay or clock. Where the window is unknown, a range is given.",
    ),
    (
        "Figures",
        "Traces are drawn from publications. A polled sensor's line holds each value until the next, a streamed one is \
         straight between values, a counter's shows the mean since the step before. Long traces are thinned: of every \
         stretch of points the lowest and the highest stay as they are. Power is rounded to 1 mW or finer up to 1 MW, times to 1 µs.",
    ),
];

/// Notes, methods and the way to the data, as HTML.
pub(super) fn html(comparison: &RunComparison) -> String {
    let mut html = String::from("<section id=\"notes\"><h2>Notes</h2>");
    if comparison.notes.is_empty() {
        html.push_str("<p>There is nothing to note about the data.</p>");
    } else {
        let notes: Vec<String> =
            comparison.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
        let _ = write!(html, "<ul>{}</ul>", notes.concat());
    }
    html.push_str("</section><section id=\"method\"><h2>Method</h2><dl class=\"method\">");
    for (title, text) in METHODS {
        let _ = write!(html, "<dt>{title}</dt><dd>{text}</dd>");
    }
    html.push_str("</dl><h3>Verdicts on phases</h3><ul class=\"legend meanings\">");
    for verdict in verdict::ALL {
        let _ = write!(
            html,
            "<li>{}<b>{}</b>: {}</li>",
            verdict::mark(verdict),
            verdict.words(),
            verdict::meaning(verdict)
        );
    }
    html.push_str(
        "</ul></section><section id=\"data\"><h2>Data</h2><p>The comparison behind this page is in it, as JSON. \
         <a id=\"download\" hidden>Save it</a> <span class=\"noscript\">Without scripts, \
         <code>wattproof compare --json FILE</code> writes it.</span> What the run's folder holds are Parquet files that \
         pyarrow, Polars and DuckDB read.</p></section>",
    );
    html
}
