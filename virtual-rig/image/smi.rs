//! Root of the executable.

fn main() -> std::process::ExitCode {
    virtual_rig::nvidia_smi()
}
