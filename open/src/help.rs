use crate::backends::BACKENDS;
use crate::options::{COMMON, OptionSpec};

/// What URLs there are and which options they have, as text for people: one line each.
///
/// # Examples
/// ```
/// assert!(datastore_open::url_help().contains("fjall:PATH"));
/// ```
pub fn url_help() -> String {
    let mut lines = Vec::new();
    for (number, backend) in BACKENDS.iter().enumerate() {
        lines.push(format!("{:<22} {}", backend.form, backend.about));
        for group in backend.options {
            let mut earlier = BACKENDS.iter().take(number);
            match earlier.find(|earlier| earlier.options.contains(group)) {
                None => lines.extend(group.iter().map(describe)),
                Some(earlier) => {
                    let names: Vec<&str> = group.iter().map(|spec| spec.name).collect();
                    let names = names.join(" ");
                    lines.push(format!("  as `{}:` has them: {names}", earlier.scheme));
                }
            }
        }
    }
    lines.push("and of each".to_owned());
    lines.extend(COMMON.iter().map(describe));
    lines.join("\n")
}

fn describe(option: &OptionSpec) -> String {
    format!("  {:<24} {}", format!("{}={}", option.name, option.values), option.about)
}
