//! The section `[console]`.

use receiver::Listen;
use serde::{Deserialize, Serialize};

/// The technician's page and the machine interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Where it listens; loopback unless the site wants it otherwise.
    pub listen: Listen,
    /// Further names and addresses for the certificate that the first start makes.
    pub names: Vec<String>,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self { listen: Listen::At(([127, 0, 0, 1], 8443).into()), names: Vec::new() }
    }
}
