// tls.mjs: an authority of the tests' own, and certificates from it for this machine; made by openssl for each run.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// { caFile, good, expired, elsewhere, stranger }: each of the four { key, cert } in PEM; all but `stranger` are signed by the authority.
export function makeCertificates() {
  const dir = mkdtempSync(join(tmpdir(), "socle-tls-"));
  const file = (name) => join(dir, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const authority = (name) => openssl("req", "-x509", ...newKey, "-keyout", file(`${name}.key`), "-out", file(`${name}.pem`), "-days", "2", "-subj", `/CN=${name}`);
  const certificate = (name, { by = "authority", names = "IP:127.0.0.1,IP:127.0.0.2,DNS:localhost", days = "2" } = {}) => {
    writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\n`);
    openssl("req", ...newKey, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`), "-subj", `/CN=${name}`);
    openssl("x509", "-req", "-in", file(`${name}.csr`), "-CA", file(`${by}.pem`), "-CAkey", file(`${by}.key`), "-CAcreateserial", "-out", file(`${name}.pem`), "-days", days, "-extfile", file(`${name}.ext`));
    return { key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) };
  };
  authority("authority");
  authority("another");
  return {
    caFile: file("authority.pem"),
    good: certificate("good"),
    expired: certificate("expired", { days: "-1" }),
    elsewhere: certificate("elsewhere", { names: "DNS:mail.example.com" }),
    stranger: certificate("stranger", { by: "another" }),
  };
}
