package dialect

// bqJaroWinkler is Winkler's comparator over the bytes of UTF-8, one character of a string for each.
const bqJaroWinkler = `CREATE OR REPLACE TEMP FUNCTION weir_jaro_winkler(a STRING, b STRING, enough FLOAT64) RETURNS FLOAT64 DETERMINISTIC LANGUAGE js AS r"""
  if (a === null || b === null) return null;
  var x = unescape(encodeURIComponent(a)), y = unescape(encodeURIComponent(b));
  var n = x.length, m = y.length;
  if (n === 0 || m === 0) return n === m ? 1 : 0;
  var reach = Math.max(0, Math.floor(Math.max(n, m) / 2) - 1);
  var taken = [], found = [], i, j;
  for (i = 0; i < n; i++) {
    for (j = Math.max(0, i - reach); j <= Math.min(m - 1, i + reach); j++) {
      if (!taken[j] && y[j] === x[i]) {
        taken[j] = true;
        found.push(x[i]);
        break;
      }
    }
  }
  if (found.length === 0) return 0;
  var k = 0, moved = 0;
  for (j = 0; j < m; j++) {
    if (taken[j]) {
      if (found[k] !== y[j]) moved++;
      k++;
    }
  }
  var alike = (k / n + k / m + (k - Math.floor(moved / 2)) / k) / 3;
  if (alike > 0.7) {
    var start = 0;
    while (start < Math.min(4, n, m) && x[start] === y[start]) start++;
    alike += start * 0.1 * (1 - alike);
  }
  return alike < enough ? 0 : alike;
"""`

func bqBytes(text string) string {
	return "CODE_POINTS_TO_STRING(TO_CODE_POINTS(CAST(" + text + " AS BYTES)))"
}
