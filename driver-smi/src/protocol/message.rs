//! What `nvidia-smi` prints instead of an answer.

/// The field that this `nvidia-smi` does not know, by its own words.
///
/// ```
/// use driver_smi::protocol::message::unknown_field;
/// assert_eq!(unknown_field("Field \"power.drow\" is not a valid field to query.\n"), Some("power.drow"));
/// assert_eq!(unknown_field("No devices were found\n"), None);
/// ```
pub fn unknown_field(output: &str) -> Option<&str> {
    output.lines().find_map(|line| {
        let (name, rest) = line.trim().strip_prefix("Field \"")?.split_once('"')?;
        rest.contains("not a valid field").then_some(name)
    })
}

/// The first line that says something, cut to a length fit for a message.
pub fn first_line(output: &str) -> Option<&str> {
    let line = output.lines().map(str::trim).find(|line| !line.is_empty())?;
    let end = line.char_indices().nth(200).map_or(line.len(), |(end, _)| end);
    Some(&line[..end])
}

/// What an exit code of `nvidia-smi` means: by the section RETURN VALUE of its manual, and 18 by `nvmlReturn_t` in
/// nvml.h, whose codes the process ends with.
pub const fn exit_code(code: i32) -> &'static str {
    match code {
        0 => "success",
        2 => "a supplied argument or flag is invalid",
        3 => "the operation is not available on this GPU",
        4 => "this user has no permission to access this GPU or to perform this operation",
        6 => "a query to find an object was unsuccessful",
        8 => "the GPU's external power cables are not properly attached",
        9 => "the NVIDIA driver is not loaded",
        10 => "the NVIDIA kernel driver has an interrupt issue with a GPU",
        12 => "the NVML library could not be found or loaded",
        13 => "the NVML library does not know this function",
        14 => "the GPU's infoROM is corrupted",
        15 => "the GPU has fallen off the bus or has otherwise become inaccessible",
        18 => "the NVML library and the loaded driver are of different versions",
        _ => "an error of its own",
    }
}
