-- Which gateways may speak on the bus. Of each only the last certificate is good, named by its common name.
CREATE TABLE gateway (
    gateway     TEXT    PRIMARY KEY,
    certificate TEXT    NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    -- NULL: it may speak.
    revoked_ms  INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX gateway_certificate ON gateway (certificate);

-- Before there was this list, a certificate's name was the gateway's id: those that were heard go on.
INSERT INTO gateway (gateway, certificate, enrolled_ms, revoked_ms)
SELECT gateway, gateway, heard_ms, NULL FROM gateway_state;
