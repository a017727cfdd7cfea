package dialect

// The functions of similarity in JavaScript. The warehouse's own are not those: JAROWINKLER_SIMILARITY
// rounds to a hundredth, and EDITDISTANCE counts characters, not bytes. A text becomes one of a
// character for each byte of its UTF-8. They are temporary, as the session's tables are.

// sfJaroWinkler is Winkler's comparator. Letters that one text has and the other has not bound what
// can be reached, which spares most pairs of different people the loops.
const sfJaroWinkler = `CREATE OR REPLACE TEMPORARY FUNCTION WEIR_JARO_WINKLER(A VARCHAR, B VARCHAR, ENOUGH DOUBLE) RETURNS DOUBLE LANGUAGE JAVASCRIPT STRICT IMMUTABLE AS $$
  const x = unescape(encodeURIComponent(A)), y = unescape(encodeURIComponent(B));
  const n = x.length, m = y.length;
  if (n === 0 || m === 0) return n === m ? 1 : 0;
  let start = 0;
  while (start < Math.min(4, n, m) && x[start] === y[start]) start++;
  const raised = (alike) => alike > 0.7 ? alike + start * 0.1 * (1 - alike) : alike;
  const left = new Map();
  for (const c of y) left.set(c, (left.get(c) || 0) + 1);
  let most = 0;
  for (const c of x) {
    const k = left.get(c) || 0;
    if (k > 0) { most++; left.set(c, k - 1); }
  }
  if (most === 0 || raised((most / n + most / m + 1) / 3) < ENOUGH) return 0;
  const reach = Math.max(Math.floor(Math.max(n, m) / 2) - 1, 0);
  const taken = new Array(m).fill(false), found = [];
  for (let i = 0; i < n; i++) {
    for (let j = Math.max(0, i - reach); j <= Math.min(m - 1, i + reach); j++) {
      if (!taken[j] && y[j] === x[i]) { taken[j] = true; found.push(x[i]); break; }
    }
  }
  const k = found.length;
  if (k === 0) return 0;
  let at = 0, moved = 0;
  for (let j = 0; j < m; j++) if (taken[j] && found[at++] !== y[j]) moved++;
  return raised((k / n + k / m + (k - Math.floor(moved / 2)) / k) / 3);
$$;
`

// sfLevenshtein counts edits in the band around the diagonal that the bound leaves.
const sfLevenshtein = `CREATE OR REPLACE TEMPORARY FUNCTION WEIR_LEVENSHTEIN(A VARCHAR, B VARCHAR, MOST DOUBLE) RETURNS DOUBLE LANGUAGE JAVASCRIPT STRICT IMMUTABLE AS $$
  const x = unescape(encodeURIComponent(A)), y = unescape(encodeURIComponent(B));
  const n = x.length, m = y.length, over = MOST + 1;
  if (Math.abs(n - m) > MOST) return over;
  let above = new Array(m + 1).fill(over);
  for (let j = 0; j <= Math.min(m, MOST); j++) above[j] = j;
  for (let i = 1; i <= n; i++) {
    const here = new Array(m + 1).fill(over);
    if (i <= MOST) here[0] = i;
    let best = here[0];
    for (let j = Math.max(1, i - MOST); j <= Math.min(m, i + MOST); j++) {
      here[j] = x[i - 1] === y[j - 1] ? above[j - 1] : Math.min(above[j - 1], above[j], here[j - 1]) + 1;
      best = Math.min(best, here[j]);
    }
    if (best > MOST) return over;
    above = here;
  }
  return above[m];
$$;
`
