// Finds the first objects in the prefix of a JSON text: a list, lines, or one object. The text may be truncated.
// @ts-check

/**
 * @param {string} text
 * @param {number} limit
 * @returns {object[]}
 */
export const firstObjects = (text, limit) => {
  const found = [];
  let [depth, start, isText] = [0, 0, false];
  for (let at = 0; at < text.length && found.length < limit; at += 1) {
    const letter = text[at];
    if (isText) {
      if (letter === "\\") at += 1;
      else if (letter === '"') isText = false;
    } else if (letter === '"') {
      isText = true;
    } else if (letter === "{") {
      if (depth === 0) start = at;
      depth += 1;
    } else if (letter === "}" && depth > 0) {
      depth -= 1;
      if (depth === 0) found.push(text.slice(start, at + 1));
    }
  }
  return found.flatMap(parse);
};

const parse = (/** @type {string} */ text) => {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
};
