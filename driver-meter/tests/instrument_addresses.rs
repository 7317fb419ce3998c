//! Instruments are opened by name and link, as a user types them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulated;

use driver_meter::DRIVER;
use driver_meter::instrument::catalogue::MODELS;
use driver_meter::ptdaemon::server::Ptd;
use power_core::{Driver, ErrorKind, Options};
use simulated::{of, peers, read_until_well};

#[test]
fn instruments_are_opened_by_address() {
    let plug = peers::shelly(peers::SHELLY_PLUG);
    let tasmota = peers::tasmota();
    let yokogawa = peers::yokogawa();
    let (lmg450, lmg670) = (peers::lmg450(), peers::lmg670());
    let watts_up = peers::watts_up();
    let ptdaemon = peers::ptdaemon(Ptd::default());
    for (address, options) in [
        (format!("yokogawa-wt300@tcp:{}", yokogawa.address), Options::new().with("items", "P,U,I")),
        (format!("zes-lmg450@tcp:{}", lmg450.address), Options::new()),
        (format!("zes-lmg670@tcp:{}", lmg670.address), Options::new().with("channels", "1,2")),
        (format!("watts-up-pro@tcp:{}", watts_up.address), Options::new()),
        (format!("ptdaemon@tcp:{}", ptdaemon.address), Options::new().with("interval_ms", "50")),
        (format!("shelly-gen2@http://{}", plug.address), Options::new().with("component", "switch")),
        (format!("tasmota@http://{}", tasmota.address), Options::new()),
    ] {
        let mut source =
            DRIVER.open(&address, &options).unwrap_or_else(|error| panic!("{address}: {error:#}"));
        assert_eq!(source.descriptor().driver, DRIVER.id(), "{address}");
        let readings = read_until_well(&mut source);
        let name = if address.starts_with("zes-lmg670") { "power 2" } else { "power" };
        assert_eq!(of(&source, &readings, name)[0].value.number(), Some(peers::WATTS), "{address}");
    }
}

#[test]
fn names_are_unique_and_every_option_is_explained() {
    for (index, model) in MODELS.iter().enumerate() {
        assert!(MODELS[..index].iter().all(|other| other.id != model.id));
        assert!(!model.ways.is_empty() && !model.name.is_empty());
        for (name, meaning) in model.options {
            assert!(meaning.len() > 10, "{}: {name}", model.id);
        }
    }
}

#[test]
fn a_link_that_does_not_suit_is_refused() {
    for address in
        ["yokogawa-wt300@usbtmc:/dev/usbtmc99", "km003c@usb:5fc9:0063", "fnirsi-fnb58@usb:2e3c:5558"]
    {
        let error = DRIVER.open(address, &Options::new()).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Disconnected),
            "{address}: {error:#}"
        );
    }
}
