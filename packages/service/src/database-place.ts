/** Which database it is, without who asks: `127.0.0.1:14010/order`. */
export function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}
