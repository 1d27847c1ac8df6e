// Servers, as permissions know them.
// @ts-check

/**
 * The pattern of the permission to talk with the server of an address. Patterns know no ports.
 * @param {string} url
 */
export const patternOf = url => {
  const { protocol, hostname } = new URL(url);
  return `${protocol}//${hostname}/*`;
};
