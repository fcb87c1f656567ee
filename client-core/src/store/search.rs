//! Finding patients by what was typed: beginnings of names in any script, identifiers however they are punctuated, birth
//! dates as people write them; and, where nothing begins so, names that are alike.

use std::collections::{HashMap, HashSet};

use clinical_record::duplicates::{folded_name, name_words, word_likeness};
use rusqlite::{Connection, params};

use super::unreadable;
use crate::DeviceError;

/// How alike (0 to 1) a typed word and a word of a name must be.
const ALIKE: f64 = 0.86;
/// A word that is like the beginning of another is less of a find than one that is like the whole.
const BEGINNING: f64 = 0.96;
/// Years that a date of birth can be of.
const YEARS: std::ops::RangeInclusive<u32> = 1850..=2199;

/// Puts a patient into both indexes, or replaces them there. `names`: every name.
pub(super) fn put(
    db: &Connection,
    number: i64,
    names: &str,
    identifiers: &[String],
    birth_date: Option<&str>,
) -> Result<(), DeviceError> {
    let names_in_latin = if names.is_ascii() { names.to_owned() } else { format!("{names} {}", folded_name(names)) };
    let mut numbers = identifiers.to_vec();
    numbers.extend(identifiers.iter().map(|one| compact(one)).filter(|one| !identifiers.contains(one)));
    let born = birth_date.map(|date| format!("{date} {}", compact(date)));
    db.prepare_cached(
        "INSERT OR REPLACE INTO patient_search (rowid, name, identifiers, birth_date) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![number, names_in_latin, numbers.join("\n"), born])?;
    forget_words(db, number)?;
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO patient_word (word, patient) VALUES (?1, ?2)")?;
    for word in name_words(names) {
        insert.execute(params![word, number])?;
    }
    Ok(())
}

/// Takes a patient out of both indexes.
pub(super) fn remove(db: &Connection, number: i64) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM patient_search WHERE rowid = ?1")?.execute([number])?;
    forget_words(db, number)
}

fn forget_words(db: &Connection, number: i64) -> Result<(), DeviceError> {
    db.prepare_cached("DELETE FROM patient_word WHERE patient = ?1")?.execute([number])?;
    Ok(())
}

/// Fills both indexes from the rows of the list, for a database that had another index before.
pub(super) fn index_anew(db: &Connection) -> Result<(), DeviceError> {
    let mut statement = db.prepare(
        "SELECT patient.number, coalesce(patient_search.name, patient.name), patient.identifiers, patient.birth_date
         FROM patient LEFT JOIN patient_search ON patient_search.rowid = patient.number",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, String, String, Option<String>)>, _>>()?;
    for (number, names, identifiers, birth_date) in rows {
        let identifiers: Vec<String> = identifiers.lines().map(str::to_owned).collect();
        put(db, number, &names, &identifiers, birth_date.as_deref())?;
    }
    Ok(())
}

/// What was typed, as the index for beginnings is asked for it: every word must be found. None if there is nothing to find.
pub(super) fn expression(text: &str) -> Option<String> {
    let words: Vec<String> = words(text).map(any_of).collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric))
}

/// One word, in all the ways in which it may be meant. Quoted, so that no word is taken for an operator.
fn any_of(word: &str) -> String {
    let mut ways = vec![format!("{} *", quoted(word))];
    let latin = folded_name(word);
    if !word.is_ascii() && latin.chars().any(char::is_alphanumeric) {
        ways.push(format!("name : {} *", quoted(&latin)));
    }
    if word.chars().any(|letter| letter.is_ascii_digit()) {
        let compact = compact(word);
        if compact != word {
            ways.push(format!("identifiers : {} *", quoted(&compact)));
        }
        ways.extend(dates(word).into_iter().map(|date| format!("birth_date : {} *", quoted(&date))));
    }
    format!("({})", ways.join(" OR "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Letters and digits alone, lower case.
fn compact(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The dates, year first, that a word may mean: day or month first, with or without zeros; or a month of a year.
fn dates(word: &str) -> Vec<String> {
    let parts: Vec<&str> = word.split(|letter: char| !letter.is_ascii_digit()).collect();
    if word.chars().any(char::is_alphabetic) || parts.iter().any(|part| part.is_empty() || part.len() > 8) {
        return Vec::new();
    }
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let day = |year: u32, month: u32, day: u32| {
        let sound = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        sound.then(|| format!("{year} {month:02} {day:02}"))
    };
    let found = match numbers[..] {
        // 31011970, as well as the 19700131 that the index has as one word.
        [all] if parts[0].len() == 8 => {
            let (first, second, year) = (all / 1_000_000, all / 10_000 % 100, all % 10_000);
            vec![day(year, second, first), day(year, first, second)]
        }
        [month, year] | [year, month] if YEARS.contains(&year) && (1..=12).contains(&month) => {
            vec![Some(format!("{year} {month:02}"))]
        }
        [year, month, of_month] if YEARS.contains(&year) => vec![day(year, month, of_month)],
        [first, second, year] => vec![day(year, second, first), day(year, first, second)],
        _ => Vec::new(),
    };
    let mut found: Vec<String> = found.into_iter().flatten().collect();
    found.dedup();
    found
}

/// Patients whose names are like what was typed, most alike first, by their row. Words that hold a digit must be found as
/// they are.
pub(super) fn alike(db: &Connection, text: &str) -> Result<Vec<i64>, DeviceError> {
    let (numbers, names): (Vec<&str>, Vec<&str>) = words(text).partition(|word| word.contains(char::is_numeric));
    let mut found: Option<HashMap<i64, f64>> = None;
    for word in name_words(&names.join(" ")) {
        let like_it = like_word(db, &word)?;
        found = Some(match found {
            None => like_it,
            // Every word must be like one of the name's.
            Some(before) => before
                .into_iter()
                .filter_map(|(number, sum)| like_it.get(&number).map(|alike| (number, sum + alike)))
                .collect(),
        });
    }
    let mut found: Vec<(i64, f64)> = found.unwrap_or_default().into_iter().collect();
    if let Some(must) = expression(&numbers.join(" ")) {
        let having = having(db, &must)?;
        found.retain(|(number, _)| having.contains(number));
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(found.into_iter().map(|(number, _)| number).collect())
}

/// Patients with a word like this one, and how alike it is.
fn like_word(db: &Connection, typed: &str) -> Result<HashMap<i64, f64>, DeviceError> {
    let mut found = HashMap::new();
    // Slips are rare in a first letter, and names that differ in it are many: a part of the words is looked at.
    let mut statement =
        db.prepare_cached("SELECT word, patient FROM patient_word WHERE word >= ?1 AND word < ?2 ORDER BY word")?;
    for letter in typed.chars().next().into_iter().flat_map(written_for) {
        let mut rows =
            statement.query([letter.to_string(), char::from_u32(letter as u32 + 1).into_iter().collect()])?;
        let (mut last, mut alike) = (String::new(), 0.0);
        while let Some(row) = rows.next()? {
            let word = row.get_ref(0)?.as_str().map_err(|_| unreadable("reading a name"))?;
            // Many have the same name.
            if word != last {
                (last, alike) = (word.to_owned(), likeness(typed, word));
            }
            if alike >= ALIKE {
                let best: &mut f64 = found.entry(row.get(1)?).or_default();
                *best = best.max(alike);
            }
        }
    }
    Ok(found)
}

fn having(db: &Connection, expression: &str) -> Result<HashSet<i64>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT rowid FROM patient_search WHERE patient_search MATCH ?1")?;
    let rows = statement.query_map([expression], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How alike a typed word is to one of a name, or to its beginning.
fn likeness(typed: &str, name: &str) -> f64 {
    let whole = word_likeness(typed, name);
    let beginning = name.get(..typed.len()).filter(|_| typed.len() > 3 && name.len() > typed.len());
    beginning.map_or(whole, |beginning| whole.max(word_likeness(typed, beginning) * BEGINNING))
}

/// The letters that are written for one another at the beginning of a name.
fn written_for(letter: char) -> Vec<char> {
    let groups = [&['c', 'k', 'q'][..], &['s', 'z'], &['i', 'j', 'y', 'g'], &['f', 'v', 'w']];
    groups.into_iter().find(|group| group.contains(&letter)).map_or(vec![letter], <[char]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_understood_as_people_write_it() {
        let cases: [(&str, &[&str]); 10] = [
            ("31.01.1970", &["1970 01 31"]),
            ("1/31/1970", &["1970 01 31"]),
            ("1970-1-31", &["1970 01 31"]),
            ("03/04/1970", &["1970 04 03", "1970 03 04"]),
            ("31011970", &["1970 01 31"]),
            ("01/1970", &["1970 01"]),
            ("1970/1", &["1970 01"]),
            ("40.40.1970", &[]),
            ("MRN-01.1970", &[]),
            ("4711", &[]),
        ];
        for (typed, expected) in cases {
            assert_eq!(dates(typed), expected, "{typed}");
        }
    }

    #[test]
    fn nothing_that_is_typed_is_taken_for_an_operator() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE VIRTUAL TABLE patient_search USING fts5 (name, identifiers, birth_date)").unwrap();
        for typed in
            ["\"", "a\"b", "a OR b", "NEAR(a b)", "name:x", "-a", "a*", "(a", "1.1.1970\"", "é\"'", "^a", "{x}:y"]
        {
            let Some(expression) = expression(typed) else { continue };
            let found =
                db.prepare("SELECT 1 FROM patient_search WHERE patient_search MATCH ?1").unwrap().exists([&expression]);
            assert_eq!(found, Ok(false), "{typed}");
        }
    }
}
