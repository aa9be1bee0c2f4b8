// fastify.mjs: what a good developer writes by hand: Fastify 5, JSON Schema on body and answer, @fastify/jwt, node:sqlite with
// prepared statements, WAL and synchronous=FULL.  Arguments: database file, port, secret.
import { DatabaseSync } from "node:sqlite";

import jwt from "@fastify/jwt";
import Fastify from "fastify";

const [file, port, secret] = process.argv.slice(2);
const db = new DatabaseSync(file);
db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");

const app = Fastify();
await app.register(jwt, { secret });
app.addHook("onRequest", (request) => request.jwtVerify());

const book = {
  type: "object",
  properties: {
    isbn: { type: "string", pattern: "^[0-9X]{10,13}$" },
    title: { type: "string", minLength: 1, maxLength: 200 },
    pages: { type: "integer", exclusiveMinimum: 0 },
    price: { type: ["number", "null"], minimum: 0 },
    tags: { type: ["array", "null"], items: { type: "string" }, uniqueItems: true },
    author_id: { type: ["string", "null"] },
    owner_id: { type: ["string", "null"] },
    created_at: { type: ["string", "null"] },
  },
  required: ["isbn", "title", "pages"],
  additionalProperties: false,
};
const withAuthor = { ...book, required: ["title"], properties: { ...book.properties, authors: { type: ["object", "null"], properties: { name: { type: "string" } } } } };
const parse = (row) => ({ ...row, tags: row.tags === null ? null : JSON.parse(row.tags) });

const one = db.prepare("SELECT isbn, title, pages, price, tags, author_id, owner_id, created_at FROM books WHERE isbn = ?");
app.get("/books/:isbn", { schema: { response: { 200: book } } }, (request, reply) => {
  const row = one.get(request.params.isbn);
  return row ? parse(row) : reply.code(404).send();
});

const page = db.prepare(
  "SELECT b.isbn, b.title, b.pages, b.price, a.name FROM books b LEFT JOIN authors a ON a.id = b.author_id ORDER BY b.isbn LIMIT 25 OFFSET ?",
);
app.get("/books", { schema: { response: { 200: { type: "array", items: withAuthor } } } }, (request) =>
  page.all(Number(request.query.offset ?? 0)).map(({ name, ...row }) => ({ ...row, authors: name === null ? null : { name } })),
);

const insert = db.prepare(
  "INSERT INTO books (isbn, title, pages, price, tags, author_id, owner_id) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING isbn, title, pages, price, tags, author_id, owner_id, created_at",
);
app.post("/books", { schema: { body: book, response: { 201: book } } }, (request, reply) => {
  const b = request.body;
  const row = insert.get(b.isbn, b.title, b.pages, b.price ?? null, b.tags ? JSON.stringify(b.tags) : null, b.author_id ?? null, request.user.sub);
  return reply.code(201).send(parse(row));
});

await app.listen({ port: Number(port), host: "127.0.0.1" });
