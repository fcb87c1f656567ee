-- 0006: what was ever laid sealed on a device stands beside what was given to it openly, after it was taken back too.

ALTER TABLE disclosure ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0; -- it left sealed, to be opened in an emergency
CREATE INDEX disclosure_sealed ON disclosure (device, document) WHERE sealed;
INSERT INTO disclosure (document, row, device, upto, break_glass, sealed)
    SELECT sent.value ->> 0, audit.seq, audit.device, max(sent.value ->> 1), 0, 1
    FROM audit, json_each(audit.detail, '$."documents-upto"') AS sent
    WHERE audit.action = 'lay-ready-sealed' AND audit.device IS NOT NULL GROUP BY 1, 2;
