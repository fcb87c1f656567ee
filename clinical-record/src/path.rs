//! Paths to elements inside a resource, in FHIR's notation: `dosageInstruction[0].text`.

use std::fmt;
use std::str::FromStr;

/// One step down from a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// An element of an object.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

/// Where in a resource; empty means the resource itself. Shows as `name[0].given[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementPath(pub Vec<PathStep>);

/// The text is not an element path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an element path")]
pub struct PathError;

impl ElementPath {
    /// True when it means the whole resource.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This path, one element further down.
    pub(crate) fn child(&self, key: &str) -> Self {
        self.with(PathStep::Key(key.to_owned()))
    }

    /// This path, at one list position.
    pub(crate) fn at(&self, index: usize) -> Self {
        self.with(PathStep::Index(index))
    }

    /// The element names, with `*` for every list position.
    pub(crate) fn trail(&self) -> Vec<&str> {
        self.0.iter().map(PathStep::trail_name).collect()
    }

    fn with(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl PathStep {
    fn trail_name(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Index(_) => crate::text_form::ANY_POSITION,
        }
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(key) if position == 0 => write!(f, "{key}")?,
                PathStep::Key(key) => write!(f, ".{key}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for ElementPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|_| !text.is_empty()) {
            let (name, positions) = match part.split_once('[') {
                // A choice element, `value[x]`, is a name.
                Some(_) if part.strip_suffix("[x]").is_some_and(|stem| !stem.contains('[')) => (part, None),
                Some((name, rest)) => (name, Some(rest)),
                None => (part, None),
            };
            if name.is_empty() || name == "[x]" {
                return Err(PathError);
            }
            steps.push(PathStep::Key(name.to_owned()));
            for position in positions.into_iter().flat_map(|rest| rest.split('[')) {
                let digits = position.strip_suffix(']').ok_or(PathError)?;
                steps.push(PathStep::Index(digits.parse().map_err(|_| PathError)?));
            }
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_it_was_read() {
        for text in ["", "status", "dosageInstruction[0].text", "a[1][2].b", "component[0].value[x]"] {
            assert_eq!(text.parse::<ElementPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in [".", "a..b", "[0]", "[x]", "a[", "a[y]", "a[0", "a[0][x]"] {
            assert_eq!(text.parse::<ElementPath>(), Err(PathError), "{text}");
        }
    }
}
