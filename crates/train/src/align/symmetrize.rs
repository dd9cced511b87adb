//! From two directions to one set of links.

use clap::ValueEnum;
use serde::Serialize;

use super::direction::NULL;
use super::links::Link;

/// How the links of both directions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symmetrization {
    /// Each target word's own pick
    SourceToTarget,
    /// Each source word's own pick
    TargetToSource,
    /// Links of both directions: few and sure
    Intersection,
    /// Links of either direction: many
    Union,
    /// The intersection, grown by neighbours from the union, then links between words that have none (Koehn et al., 2005)
    GrowDiagFinalAnd,
}

impl Symmetrization {
    /// The name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().expect("no variant is skipped").get_name().to_owned()
    }
}

/// The links of a pair, by target position and then by source position.
///
/// `sources_picked` has for each target position the source position it picked, or [`NULL`]; `targets_picked` for each
/// source position the target position.
pub(super) fn symmetrize(sources_picked: &[u16], targets_picked: &[u16], how: Symmetrization) -> Vec<Link> {
    let mut matrix = Matrix::new(sources_picked, targets_picked);
    let (n_source, n_target) = (matrix.n_source, matrix.n_target);
    if how == Symmetrization::GrowDiagFinalAnd {
        matrix.grow_diag();
        matrix.final_and();
    }
    let is_link = |source: usize, target: usize| {
        let cell = matrix.cells[target * n_source + source];
        match how {
            Symmetrization::SourceToTarget => cell & FORWARD != 0,
            Symmetrization::TargetToSource => cell & BACKWARD != 0,
            Symmetrization::Intersection => cell & UNION == UNION,
            Symmetrization::Union => cell & UNION != 0,
            Symmetrization::GrowDiagFinalAnd => cell & LINK != 0,
        }
    };
    let mut links = Vec::with_capacity(n_source.max(n_target));
    for target in 0..n_target {
        let sources = (0..n_source).filter(|&source| is_link(source, target));
        links.extend(sources.map(|source| Link { source: source as u16, target: target as u16 }));
    }
    links
}

const FORWARD: u8 = 1;
const BACKWARD: u8 = 2;
const UNION: u8 = FORWARD | BACKWARD;
const LINK: u8 = 4;

/// `[target, source]`: which directions have the link, and whether it is taken.
struct Matrix {
    n_source: usize,
    n_target: usize,
    cells: Vec<u8>,
    has_source: Vec<bool>,
    has_target: Vec<bool>,
}

impl Matrix {
    /// The intersection is taken already.
    fn new(sources_picked: &[u16], targets_picked: &[u16]) -> Self {
        let (n_source, n_target) = (targets_picked.len(), sources_picked.len());
        let (has_source, has_target) = (vec![false; n_source], vec![false; n_target]);
        let mut matrix = Self { n_source, n_target, cells: vec![0; n_source * n_target], has_source, has_target };
        for (target, &source) in sources_picked.iter().enumerate().filter(|(_, source)| **source != NULL) {
            matrix.cells[target * n_source + usize::from(source)] |= FORWARD;
        }
        for (source, &target) in targets_picked.iter().enumerate().filter(|(_, target)| **target != NULL) {
            matrix.cells[usize::from(target) * n_source + source] |= BACKWARD;
        }
        for cell in 0..matrix.cells.len() {
            if matrix.cells[cell] & UNION == UNION {
                matrix.take(cell % n_source, cell / n_source);
            }
        }
        matrix
    }

    fn take(&mut self, source: usize, target: usize) {
        self.cells[target * self.n_source + source] |= LINK;
        self.has_source[source] = true;
        self.has_target[target] = true;
    }

    /// Takes links of the union beside taken ones, diagonals included, as long as one of their words has none.
    fn grow_diag(&mut self) {
        // Row by row over and over, as the paper's pseudo-code: what is taken counts at once.
        const NEIGHBOURS: [(isize, isize); 8] = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)];
        loop {
            let mut has_grown = false;
            for cell in 0..self.cells.len() {
                if self.cells[cell] & LINK == 0 {
                    continue;
                }
                let (source, target) = (cell % self.n_source, cell / self.n_source);
                for (right, down) in NEIGHBOURS {
                    let (Some(source), Some(target)) =
                        (source.checked_add_signed(right), target.checked_add_signed(down))
                    else {
                        continue;
                    };
                    if source >= self.n_source || target >= self.n_target {
                        continue;
                    }
                    let is_in_union = self.cells[target * self.n_source + source] & UNION != 0;
                    if is_in_union && !(self.has_source[source] && self.has_target[target]) {
                        self.take(source, target);
                        has_grown = true;
                    }
                }
            }
            if !has_grown {
                return;
            }
        }
    }

    /// Takes links of one direction, then of the other, whose words both have none.
    fn final_and(&mut self) {
        for direction in [FORWARD, BACKWARD] {
            for cell in 0..self.cells.len() {
                let (source, target) = (cell % self.n_source, cell / self.n_source);
                if self.cells[cell] & direction != 0 && !self.has_source[source] && !self.has_target[target] {
                    self.take(source, target);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const __: u16 = NULL;

    fn links(how: Symmetrization) -> Vec<(u16, u16)> {
        // Forward picks for targets 0..5, backward picks for sources 0..5 (F, B and X for both, targets downwards):
        //
        //        0 1 2 3 4
        //     0  X . . . .
        //     1  F . B . .     (0,1) touches (0,0), and target 1 is free: grown.
        //     2  . B F . .     (1,2) touches (0,1), (2,2) touches (1,2): grown. Now (2,1) has no free word.
        //     3  . . . . .
        //     4  . . . . F     No neighbour, both words free: final-and.
        //     5  . . . . .
        let forward = [0, 0, 2, __, 4, __];
        let backward = [0, 2, 1, __, __];
        let links = symmetrize(&forward, &backward, how);
        links.iter().map(|link| (link.source, link.target)).collect()
    }

    #[test]
    fn a_matrix_by_hand() {
        assert_eq!(links(Symmetrization::SourceToTarget), [(0, 0), (0, 1), (2, 2), (4, 4)]);
        assert_eq!(links(Symmetrization::TargetToSource), [(0, 0), (2, 1), (1, 2)]);
        assert_eq!(links(Symmetrization::Intersection), [(0, 0)]);
        assert_eq!(links(Symmetrization::Union), [(0, 0), (0, 1), (2, 1), (1, 2), (2, 2), (4, 4)]);
        assert_eq!(links(Symmetrization::GrowDiagFinalAnd), [(0, 0), (0, 1), (1, 2), (2, 2), (4, 4)]);
    }

    #[test]
    fn final_and_wants_both_words_free() {
        // Target 3 picks source 3, and source 2 picks target 3.
        let links = symmetrize(&[0, __, __, 3], &[0, __, 3, __], Symmetrization::GrowDiagFinalAnd);
        // Forward (3,3) comes first; then (2,3) finds target 3 taken.
        assert_eq!(links.iter().map(|l| (l.source, l.target)).collect::<Vec<_>>(), [(0, 0), (3, 3)]);
    }

    #[test]
    fn nothing_is_nothing() {
        for how in Symmetrization::value_variants() {
            assert!(symmetrize(&[], &[], *how).is_empty());
            assert!(symmetrize(&[__], &[], *how).is_empty());
            assert!(symmetrize(&[__], &[__, __], *how).is_empty());
        }
    }
}
