// Patterns of host permissions.
// @ts-check

/**
 * The pattern of the permission to connect to the server of an address. Patterns have no ports.
 * @param {string} url
 */
export const patternOf = url => {
  const { protocol, hostname } = new URL(url);
  return `${protocol}//${hostname}/*`;
};
