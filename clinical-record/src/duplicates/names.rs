//! Compares names across scripts, accents, transliterations and slips.

use super::{MatchReason, PersonTraits};

/// At least this alike (0 to 1) are names that may be one misspelt.
const SIMILAR: f64 = 0.88;

/// Below this no clerk mistook one for the other.
const DIFFERENT: f64 = 0.72;

pub(super) fn compare_names(one: &PersonTraits, other: &PersonTraits) -> Option<MatchReason> {
    let family = |person: &PersonTraits| person.family.as_deref().map(words).unwrap_or_default();
    let given = |person: &PersonTraits| person.given.iter().flat_map(|name| words(name)).collect::<Vec<_>>();
    let (mine, yours) = ((family(one), given(one)), (family(other), given(other)));
    if mine.0.is_empty() && mine.1.is_empty() || yours.0.is_empty() && yours.1.is_empty() {
        return None;
    }
    let straight = both(alike(&mine.0, &yours.0), alike(&mine.1, &yours.1));
    let swapped = both(alike(&mine.0, &yours.1), alike(&mine.1, &yours.0));
    // One field for all names, or names divided differently between the two.
    let whole = alike(&[mine.0, mine.1].concat(), &[yours.0, yours.1].concat()).map(|alike| alike * 0.96);
    let best = [straight, swapped, whole].into_iter().flatten().fold(0.0, f64::max);
    Some(match best {
        _ if straight.is_some_and(|alike| alike > 0.995) => MatchReason::SameName,
        best if best >= SIMILAR && swapped > straight && swapped >= whole => MatchReason::NamesSwapped,
        best if best >= SIMILAR => MatchReason::SimilarName,
        best if best < DIFFERENT => MatchReason::DifferentName,
        _ => return None,
    })
}

/// The lower of the two where both are known: a right family name does not make up for a wrong given name.
fn both(family: Option<f64>, given: Option<f64>) -> Option<f64> {
    match (family, given) {
        (Some(family), Some(given)) => Some(family.min(given)),
        (one, other) => one.or(other).map(|alike| alike * 0.9),
    }
}

/// How alike two lists of words are: every word of the shorter list finds its best partner. `None` when one is empty.
fn alike(mine: &[String], yours: &[String]) -> Option<f64> {
    let (short, long) = if mine.len() <= yours.len() { (mine, yours) } else { (yours, mine) };
    if short.is_empty() {
        return None;
    }
    let joined = word_alike(&short.concat(), &long.concat());
    let paired =
        if short.len() == long.len() { paired(short, long).min(paired(long, short)) } else { paired(short, long) };
    // A second given name that one of them lacks costs a little.
    let missing = if short.len() == long.len() { 1.0 } else { 0.97 };
    Some(joined.max(paired * missing))
}

/// How alike each of `words` is to its best partner among `others`, on average.
fn paired(words: &[String], others: &[String]) -> f64 {
    let best = |word: &String| others.iter().map(|other| word_alike(word, other)).fold(0.0, f64::max);
    words.iter().map(best).sum::<f64>() / words.len() as f64
}

/// How alike two words of names are, each as [`words`] gives it: from 0 to 1, which is equal.
pub fn word_alike(one: &str, other: &str) -> f64 {
    if one == other {
        return 1.0;
    }
    let initial = |short: &str, long: &str| short.len() == 1 && long.starts_with(short);
    if initial(one, other) || initial(other, one) {
        return 0.9;
    }
    let (bones, other_bones) = (consonants(one), consonants(other));
    let skeleton = if bones.len() > 2 && bones == other_bones { 0.93 } else { 0.0 };
    let winkler = strsim::jaro_winkler(one, other).max(strsim::jaro_winkler(other, one));
    winkler.max(skeleton).min(0.98)
}

/// The words of a name, folded. Particles that come and go with the spelling are left out where something remains.
pub fn words(name: &str) -> Vec<String> {
    let folded = folded(name);
    let all: Vec<&str> = folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let particle =
        |word: &&str| matches!(*word, "al" | "el" | "de" | "la" | "van" | "von" | "der" | "den" | "bin" | "ibn");
    let kept: Vec<String> = all.iter().filter(|word| !particle(word)).map(|word| spelling(word)).collect();
    if kept.is_empty() { all.iter().map(|word| spelling(word)).collect() } else { kept }
}

/// Latin letters without accents, lower case. An apostrophe belongs to its word.
pub fn folded(text: &str) -> String {
    let latin = deunicode::deunicode(text).to_lowercase();
    latin.chars().filter(|c| !matches!(c, '\'' | '`')).collect()
}

/// Evens out spellings of one sound: `Mueller` and `Müller`, `Filip` and `Philipp`.
fn spelling(word: &str) -> String {
    let mut even = word.to_owned();
    for (from, to) in
        [("ue", "u"), ("oe", "o"), ("ae", "a"), ("ph", "f"), ("ck", "k"), ("ou", "u"), ("ee", "i"), ("y", "i")]
    {
        even = even.replace(from, to);
    }
    let mut single = String::with_capacity(even.len());
    for letter in even.chars() {
        if !single.ends_with(letter) {
            single.push(letter);
        }
    }
    single
}

/// What scripts that write no vowels have in common with transliterations that do.
fn consonants(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u')).collect()
}
