# The recipes that .ci/run calls. `just all` is what CI checks, less the tests that need peers.
set positional-arguments

# Every gate that needs nothing but Rust.
all: test fmt clippy doc

# The README's test command.
test:
    cargo test --workspace

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo clippy -p power-core --no-default-features -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --document-private-items

# Licences, sources and duplicate versions. Needs cargo-deny.
deny:
    cargo deny --all-features check bans licenses sources

# A short seeded run of every fuzz target. Needs cargo-fuzz and a C++ compiler.
fuzz runs="2000":
    .ci/fuzz {{runs}}

# The tests that need peers: Python packages, Chromium, root, ../shared/data/external.
peers:
    cargo test --workspace --all-features -- --ignored

bench *arguments:
    cargo bench -p benches {{arguments}}

# Unsafe and pure code of the RAPL driver under Miri. Needs a nightly toolchain with miri; takes minutes.
miri:
    MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-no-short-fd-operations" PROPTEST_CASES=4 \
        cargo +nightly miri test -p driver-rapl --lib -- --skip panics --skip no_number

# Memory, wake-ups and CPU of a long recording of the virtual rig at 1 kHz; 3600 s write some gigabytes meanwhile.
soak seconds="3600" folder="/tmp":
    cargo run --release -p harness --example soak -- {{seconds}} {{folder}}
