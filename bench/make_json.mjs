// make_json.mjs: the documents that the JSON benchmark reads, the same in every run: node bench/make_json.mjs DIR
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.argv[2];
if (!dir) {
    console.error('usage: node bench/make_json.mjs DIR');
    process.exit(2);
}

// mulberry32
let seed = 1;
function random() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const digits = (n) => Array.from({ length: n }, (_, i) => (i === 0 ? 1 + below(9) : below(10))).join('');
const many = (n, make) => Array.from({ length: n }, (_, i) => make(i));

const ENGLISH = 'the quick brown fox jumps over a lazy dog while nobody in town looks up from the morning paper'.split(' ');
const JAPANESE = '名前の前に田中を置く今日は天気がいいですね東京都に行きますありがとうございます一般のユーザー'.split('');
const words = (n) => many(n, () => pick(ENGLISH)).join(' ');
const text = () => (below(3) === 0 ? many(20 + below(60), () => pick(JAPANESE)).join('') : words(5 + below(15)));

// As a social network answers: many strings, a third of them Japanese, escapes, nested users.
function user() {
    const id = digits(10);
    return {
        id: Number(id), id_str: id, name: pick([words(2), text().slice(0, 10)]), screen_name: words(1) + below(1000),
        location: pick(['', words(1), '東京']), description: text() + '\r\n' + words(3), url: null, protected: false,
        followers_count: below(100000), friends_count: below(5000), listed_count: below(100),
        created_at: 'Sun Aug 31 00:29:15 +0000 2014', favourites_count: below(9000), utc_offset: null, time_zone: null,
        geo_enabled: below(2) === 0, verified: false, statuses_count: below(50000), lang: 'ja', is_translator: false,
        profile_background_color: 'C0DEED', profile_background_image_url: 'http://example.com/images/themes/theme1/bg.png',
        profile_image_url: `http://example.com/profile_images/${digits(18)}/normal.jpeg`, default_profile: true, following: false,
    };
}
function tweet(depth) {
    const id = digits(18);
    return {
        metadata: { result_type: 'recent', iso_language_code: 'ja' }, created_at: 'Sun Aug 31 00:29:15 +0000 2014',
        id: '#' + id, id_str: id, text: text(), truncated: false, in_reply_to_status_id: null, in_reply_to_user_id: null,
        source: '<a href="http://example.com" rel="nofollow">Example "web"</a>', user: user(), geo: null, coordinates: null,
        ...(depth > 0 && below(2) ? { retweeted_status: tweet(depth - 1) } : {}),
        retweet_count: below(1000), favorite_count: below(1000),
        entities: {
            hashtags: many(below(3), () => ({ text: words(1), indices: [below(50), 50 + below(50)] })), symbols: [], urls: [],
            user_mentions: many(below(3), () => ({ screen_name: words(1), id: below(2 ** 31), indices: [3, 19] })),
        },
        favorited: false, retweeted: false, lang: 'ja',
    };
}

// As a ticket office exports: short keys that are numbers, small integers, deep indentation.
function performances() {
    const area = () => ({ areaId: 205705990 + below(20), blockIds: [] });
    const one = (i) => ({
        eventId: 138586341 + below(200), id: 339887544 + i, logo: below(5) ? null : '/images/logo/42.png', name: null,
        prices: many(1 + below(5), (k) => ({ amount: 1000 * below(250), audienceSubCategoryId: 337100890, seatCategoryId: 338937295 + k })),
        seatCategories: many(1 + below(5), (k) => ({ areas: many(1 + below(12), area), seatCategoryId: 338937295 + k })),
        seatMapImage: null, start: 1372701600000 + below(1e9), venueCode: 'PLEYEL_PLEYEL',
    });
    const names = Object.fromEntries(many(600, (i) => [String(205705990 + i), words(3)]));
    return { areaNames: names, audienceSubCategoryNames: { 337100890: 'Abonné' }, blockNames: {}, performances: many(900, one) };
}

// As a map: nothing but coordinates.
const coordinate = () => [-140 + random() * 90, 41 + random() * 42];
function map() {
    const feature = (i) => ({
        type: 'Feature', properties: { name: `region ${i}` },
        geometry: { type: 'Polygon', coordinates: many(4, () => many(200, coordinate)) },
    });
    return { type: 'FeatureCollection', features: many(50, feature) };
}

// As this server is asked and answers: a page of rows.
const row = (i) => ({
    isbn: digits(13), title: words(4), pages: below(900), price: below(10000) / 100, tags: many(below(4), () => words(1)),
    author_id: `${digits(8)}-${digits(4)}-4${digits(3)}-a${digits(3)}-${digits(12)}`, available: below(2) === 0, note: null, position: i,
});

mkdirSync(dir, { recursive: true });
// Ids of 18 digits are no JavaScript numbers: they are marked with # and lose their quotes here.
const unquote = (json) => json.replace(/"#(\d+)"/g, '$1');
writeFileSync(join(dir, 'twitter.json'), unquote(JSON.stringify({ statuses: many(250, () => tweet(1)) }, null, 2)));
writeFileSync(join(dir, 'citm.json'), JSON.stringify(performances(), null, 4));
writeFileSync(join(dir, 'numbers.json'), JSON.stringify(map()));
writeFileSync(join(dir, 'rows.json'), JSON.stringify(many(5000, row)));
writeFileSync(join(dir, 'row.json'), JSON.stringify(row(1)));
