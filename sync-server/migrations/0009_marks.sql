-- 0009: which documents a device was last given as open by emergency access only, and until when.

ALTER TABLE device ADD COLUMN marked TEXT; -- JSON: [[document, until_ms], ...]; null for none
