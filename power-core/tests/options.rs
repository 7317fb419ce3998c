//! Options parse strictly, and an error names the option and what would be right.

use std::net::SocketAddr;

use power_core::{ErrorKind, Options};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_number_comes_back(name in "[a-z_]{1,12}", number: i64) {
        let options = Options::new().with(&name, number.to_string());
        prop_assert_eq!(options.parse::<i64>(&name).unwrap(), Some(number));
        prop_assert_eq!(options.text(&name).map(str::to_owned), Some(number.to_string()));
        prop_assert!(options.only(&[&name]).is_ok());
    }

    #[test]
    fn text_that_does_not_parse_is_an_error_that_shows_it(text in "[^0-9+-]{1,12}") {
        let error = Options::new().with("unit", &text).parse::<u8>("unit").unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let start = format!("option unit = {text:?}: ");
        prop_assert!(error.message().starts_with(&start), "{}", error);
    }
}

#[test]
fn absent_option_is_none_and_the_later_of_two_holds() {
    let options: Options = [("host", "10.0.0.1:502"), ("host", "10.0.0.2:502")].into_iter().collect();
    assert_eq!(options.parse::<u8>("unit").unwrap(), None);
    assert_eq!(options.text("unit"), None);
    let address: SocketAddr = options.parse("host").unwrap().unwrap();
    assert_eq!(address.to_string(), "10.0.0.2:502");
    assert_eq!(options.iter().collect::<Vec<_>>(), [("host", "10.0.0.2:502")]);
    assert_eq!(options, Options::new().with("host", "x").with("host", "10.0.0.2:502"));
}

#[test]
fn unknown_option_is_refused_by_name() {
    let options = Options::new().with("baud", "9600").with("baudrate", "9600");
    let error = options.only(&["baud", "unit"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown option baudrate; this driver knows baud, unit: invalid configuration"
    );
    let error = options.only(&[]).unwrap_err();
    assert_eq!(error.message(), "unknown option baud; this driver knows no options");
    assert!(Options::new().only(&[]).is_ok());
}
