-- 0010: what an officer was shown to decide on a change in custody was given to them, too. No device: zeros.

INSERT INTO disclosure (document, row, device, upto, break_glass, sealed)
    SELECT document.number, audit.seq, zeroblob(16), audit.detail ->> '$.upto', 0, 0
    FROM audit JOIN document ON document.id = unhex(audit.detail ->> '$.document')
    WHERE audit.action = 'custody-show' AND audit.detail ->> '$.upto' > 0;
