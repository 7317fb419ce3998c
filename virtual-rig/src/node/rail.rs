//! The points of a node at which there is a power.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A rail of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rail {
    /// A GPU's board.
    Gpu(usize),
    /// A CPU package: cores and uncore.
    Package(usize),
    /// The cores of a package.
    Cores(usize),
    /// A package without its cores.
    Uncore(usize),
    /// The memory at a package.
    Dram(usize),
    /// The board with disks and network.
    Board,
    /// The fans.
    Fans,
    /// All that the power supplies deliver: GPUs, packages, memory, board and fans.
    NodeDc,
    /// What the power supplies lose.
    PsuLoss,
    /// What the node takes from the mains.
    NodeAc,
}

impl fmt::Display for Rail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpu(index) => write!(f, "gpu{index}"),
            Self::Package(index) => write!(f, "package{index}"),
            Self::Cores(index) => write!(f, "cores{index}"),
            Self::Uncore(index) => write!(f, "uncore{index}"),
            Self::Dram(index) => write!(f, "dram{index}"),
            Self::Board => f.write_str("board"),
            Self::Fans => f.write_str("fans"),
            Self::NodeDc => f.write_str("node_dc"),
            Self::PsuLoss => f.write_str("psu_loss"),
            Self::NodeAc => f.write_str("node_ac"),
        }
    }
}

impl FromStr for Rail {
    type Err = Error;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self> {
        let at = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let number = text[at..].parse();
        match (&text[..at], number) {
            ("gpu", Ok(index)) => Ok(Self::Gpu(index)),
            ("package", Ok(index)) => Ok(Self::Package(index)),
            ("cores", Ok(index)) => Ok(Self::Cores(index)),
            ("uncore", Ok(index)) => Ok(Self::Uncore(index)),
            ("dram", Ok(index)) => Ok(Self::Dram(index)),
            ("board", Err(_)) if at == text.len() => Ok(Self::Board),
            ("fans", Err(_)) if at == text.len() => Ok(Self::Fans),
            ("node_dc", Err(_)) if at == text.len() => Ok(Self::NodeDc),
            ("psu_loss", Err(_)) if at == text.len() => Ok(Self::PsuLoss),
            ("node_ac", Err(_)) if at == text.len() => Ok(Self::NodeAc),
            _ => Err(Error::new(format!("there is no rail {text:?}: try node_ac, gpu0 or package0"))),
        }
    }
}

/// Where each rail is in a row of numbers: GPUs, then cores, uncore and memory of each package, board, fans, and
/// the sums DC and AC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) gpus: usize,
    pub(super) packages: usize,
}

impl Layout {
    pub(super) const fn cores(self, package: usize) -> usize {
        self.gpus + 3 * package
    }

    pub(super) const fn board(self) -> usize {
        self.gpus + 3 * self.packages
    }

    /// Numbers in a row.
    pub(super) const fn len(self) -> usize {
        self.board() + 4
    }

    /// Every rail.
    pub(super) fn rails(self) -> Vec<Rail> {
        let mut rails: Vec<Rail> = (0..self.gpus).map(Rail::Gpu).collect();
        for package in 0..self.packages {
            let all: [fn(usize) -> Rail; 4] = [Rail::Package, Rail::Cores, Rail::Uncore, Rail::Dram];
            rails.extend(all.map(|rail| rail(package)));
        }
        rails.extend([Rail::Board, Rail::Fans, Rail::NodeDc, Rail::PsuLoss, Rail::NodeAc]);
        rails
    }

    /// What a rail has in a row: each is a sum of the row's numbers, so this serves powers and energies.
    pub(super) fn of(self, rail: Rail, row: &[f64]) -> f64 {
        let at = |package: usize, part: usize| row[self.cores(package) + part];
        match rail {
            Rail::Gpu(index) => row[index],
            Rail::Package(index) => at(index, 0) + at(index, 1),
            Rail::Cores(index) => at(index, 0),
            Rail::Uncore(index) => at(index, 1),
            Rail::Dram(index) => at(index, 2),
            Rail::Board => row[self.board()],
            Rail::Fans => row[self.board() + 1],
            Rail::NodeDc => row[self.board() + 2],
            Rail::PsuLoss => row[self.board() + 3] - row[self.board() + 2],
            Rail::NodeAc => row[self.board() + 3],
        }
    }

    /// Whether the node has this rail.
    pub(super) const fn has(self, rail: Rail) -> bool {
        match rail {
            Rail::Gpu(index) => index < self.gpus,
            Rail::Package(index) | Rail::Cores(index) | Rail::Uncore(index) | Rail::Dram(index) => {
                index < self.packages
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rails_are_read_back_from_their_names() {
        for rail in (Layout { gpus: 12, packages: 2 }).rails() {
            assert_eq!(rail.to_string().parse::<Rail>().unwrap(), rail);
        }
        for text in ["", "gpu", "gpu-1", "fans0", "node_ac1", "cores1x"] {
            assert!(text.parse::<Rail>().is_err(), "{text}");
        }
    }
}
