//! What of a value its author wrote, where the value held others' words before.
//!
//! For drafts of a chart that was taken back: a list or a text is one element there, so an addition to a colleague's note
//! holds the whole note. Where it cannot be told whose a word is, it counts as the other's.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Stands in a text where words of others stood.
const ELSEWHERE: &str = "\u{2026}";
/// Pairs of words that two texts are compared by, at most. In longer ones every word that the other used too counts as the
/// other's.
const MOST_PAIRS: usize = 4_000_000;

/// What of `after` was not in `before`. Items of a list that were there go; of the others goes what the items that they may
/// have come from said too. Of a text the words stay that were not in it. Empty or null if nothing is left.
pub(crate) fn of(before: &Value, after: &Value) -> Value {
    let (Value::Array(before), Value::Array(after)) = (before, after) else {
        return Known::of([before]).rest_of(after).unwrap_or(Value::Null);
    };
    let mut earlier: Vec<&Value> = before.iter().collect();
    let mut new = Vec::new();
    for item in after {
        match earlier.iter().position(|known| *known == item) {
            Some(at) => drop(earlier.swap_remove(at)),
            None => new.push(item),
        }
    }
    let known = Known::of(earlier);
    Value::Array(new.into_iter().filter_map(|item| known.rest_of(item)).collect())
}

/// What was there before.
#[derive(Default)]
struct Known {
    /// Every value that holds no others, as JSON.
    leaves: HashSet<String>,
    /// Every text.
    texts: Vec<String>,
}

impl Known {
    fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut known = Self::default();
        values.into_iter().for_each(|value| known.learn(value));
        known
    }

    fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(members) => {
                self.texts.extend(attached_text(members));
                members.values().for_each(|member| self.learn(member));
            }
            leaf => {
                self.leaves.insert(leaf.to_string());
                self.texts.extend(leaf.as_str().map(str::to_owned));
            }
        }
    }

    /// What of a value is not known; none if nothing.
    fn rest_of(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                let rest: Vec<Value> = items.iter().filter_map(|item| self.rest_of(item)).collect();
                (!rest.is_empty()).then_some(Value::Array(rest))
            }
            Value::Object(members) => {
                let rest = self.rest_of_members(members);
                (!rest.is_empty()).then_some(Value::Object(rest))
            }
            leaf if self.leaves.contains(&leaf.to_string()) => None,
            Value::String(text) => self.rest_of_text(text).map(Value::String),
            leaf => Some(leaf.clone()),
        }
    }

    fn rest_of_members(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let Some(text) = attached_text(members) else {
            let rest = members.iter().filter_map(|(name, value)| Some((name.clone(), self.rest_of(value)?)));
            return rest.collect();
        };
        let mut others = members.clone();
        others.remove("data");
        let kind = others.remove("contentType");
        let mut rest = self.rest_of_members(&others);
        if let Some(text) = self.rest_of_text(&text) {
            // Without it the text would not be shown as such.
            rest.extend(kind.map(|kind| ("contentType".to_owned(), kind)));
            rest.insert("data".to_owned(), STANDARD.encode(text).into());
        }
        rest
    }

    fn rest_of_text(&self, text: &str) -> Option<String> {
        let words = words(text);
        let mut own = vec![true; words.len()];
        for known in &self.texts {
            forget_common(&self::words(known), &words, &mut own);
        }
        let (mut rest, mut any, mut skipped) = (String::new(), false, false);
        for ((word, gap), is_own) in words.into_iter().zip(own) {
            if is_own {
                rest.push_str(word);
                rest.push_str(gap);
            } else if !skipped {
                rest.push_str(ELSEWHERE);
                rest.push(' ');
            }
            (any, skipped) = (any || is_own, !is_own);
        }
        any.then(|| rest.trim_end().to_owned())
    }
}

/// The text of an attachment that is one.
fn attached_text(members: &Map<String, Value>) -> Option<String> {
    let kind = members.get("contentType")?.as_str()?;
    let data = members.get("data")?.as_str().filter(|_| kind.starts_with("text/"))?;
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// Words with the white space after each.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        rest = after.trim_start();
        words.push((word, &after[..after.len() - rest.len()]));
    }
    words
}

type Words<'t> = [(&'t str, &'t str)];

/// Marks the words of `after` that `before` has in the same order as not the author's.
fn forget_common(before: &Words<'_>, after: &Words<'_>, own: &mut [bool]) {
    let same = |(one, other): &(&(&str, &str), &(&str, &str))| is_same(one.0, other.0);
    let start = before.iter().zip(after).take_while(same).count();
    let (before, after, own) = (&before[start..], &after[start..], forgotten(own, start, true));
    let end = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    let own = forgotten(own, end, false);
    if before.len().saturating_mul(after.len()) > MOST_PAIRS {
        let used: HashSet<&str> = before.iter().map(|(word, _)| bare(word)).collect();
        own.iter_mut().zip(after).for_each(|(own, (word, _))| *own &= !used.contains(bare(word)));
        return;
    }
    // Length of the longest common subsequence of what is left of both, from each pair of places on.
    let width = after.len() + 1;
    let mut longest = vec![0u16; (before.len() + 1) * width];
    for b in (0..before.len()).rev() {
        for a in (0..after.len()).rev() {
            longest[b * width + a] = match is_same(before[b].0, after[a].0) {
                true => longest[(b + 1) * width + a + 1].saturating_add(1),
                false => longest[(b + 1) * width + a].max(longest[b * width + a + 1]),
            };
        }
    }
    let (mut b, mut a) = (0, 0);
    while b < before.len() && a < after.len() {
        if is_same(before[b].0, after[a].0) {
            own[a] = false;
            (b, a) = (b + 1, a + 1);
        } else if longest[(b + 1) * width + a] >= longest[b * width + a + 1] {
            b += 1;
        } else {
            a += 1;
        }
    }
}

/// Whether two words are the same but for what stands around them.
fn is_same(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

fn bare(word: &str) -> &str {
    let bare = word.trim_matches(|character: char| !character.is_alphanumeric());
    if bare.is_empty() { word } else { bare }
}

/// Marks the first or last `count` as not the author's; gives the others.
fn forgotten(own: &mut [bool], count: usize, first: bool) -> &mut [bool] {
    let at = if first { count } else { own.len() - count };
    let (head, tail) = own.split_at_mut(at);
    let (gone, rest) = if first { (head, tail) } else { (tail, head) };
    gone.fill(false);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_a_text_the_words_stay_that_were_not_in_it() {
        for (before, after, rest) in [
            ("Stable since May.", "Stable since May.\nNo fever since May.", "\u{2026} No fever since May."),
            ("a b c d", "a X b c Y d", "\u{2026} X \u{2026} Y \u{2026}"),
            ("a b c d", "d c b a", "\u{2026} c b a"),
            ("one two", "three four", "three four"),
            ("(theirs) all", "theirs, mine", "\u{2026} mine"),
        ] {
            assert_eq!(of(&before.into(), &after.into()), json!(rest), "{after}");
        }
        assert_eq!(of(&json!("a b c"), &json!("a c")), Value::Null, "only removed something");
    }

    #[test]
    fn of_a_list_only_new_items_stay_and_of_changed_ones_what_is_new() {
        let before = json!([{"text": "theirs", "dose": 5}, {"system": "phone", "value": "444"}]);
        let mut after = before.clone();
        after.as_array_mut().unwrap().insert(0, json!({"text": "mine", "dose": 5}));
        assert_eq!(of(&before, &after), json!([{"text": "mine", "dose": 5}]));
        let changed = json!([{"text": "theirs", "dose": 5}, {"system": "phone", "value": "555"}]);
        assert_eq!(of(&before, &changed), json!([{"value": "555"}]));
        assert_eq!(of(&before, &json!([{"system": "phone", "value": "444"}])), json!([]));
    }

    #[test]
    fn of_an_attached_text_only_the_authors_words_stay() {
        let attachment = |text: &str| json!([{"attachment": {"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(text)}}]);
        let rest = of(&attachment("Theirs since May."), &attachment("Theirs since May. Mine today."));
        assert_eq!(rest, attachment("\u{2026} Mine today."));
    }

    #[test]
    fn texts_too_long_to_compare_lose_every_word_that_the_other_used() {
        let long = |tag: &str| (0..3_000).map(|n| format!("{tag}{n}")).collect::<Vec<_>>().join(" ");
        let (theirs, mine) = (long("t"), long("m"));
        let after = format!("x {mine} {theirs} y");
        assert_eq!(of(&json!(format!("z {theirs} w")), &json!(after)), json!(format!("x {mine} \u{2026} y")));
    }
}
