// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest';
import { resolveApiBaseUrl } from './apiBaseUrl.js';

afterEach(() => {
  document.head.innerHTML = '';
});

describe('apiBaseUrl', () => {
  it.each([
    ['https://auth.example.com/api/v0', 'https://auth.example.com/api/v0'],
    ['https://auth.example.com/api/v0/', 'https://auth.example.com/api/v0'],
    ['http://localhost:7845', 'http://localhost:7845/api/v0'],
    ['https://example.com/auth/api/v0', 'https://example.com/auth/api/v0'],
  ])('%s is %s', (given, expected) => {
    expect(resolveApiBaseUrl(given)).toBe(expected);
  });

  it("may be a path of the page's own server; the markup has no say", () => {
    (window as unknown as { happyDOM: { setURL(url: string): void } }).happyDOM.setURL(
      'http://localhost:7845/demo',
    );
    expect(resolveApiBaseUrl('/api/v0')).toBe('http://localhost:7845/api/v0');
    document.head.innerHTML =
      '<meta name="stile-api-base-url" content="https://evil.example/api/v0"><base href="https://evil.example">';
    expect(resolveApiBaseUrl('/api/v0')).toBe('http://localhost:7845/api/v0');
    expect(() => resolveApiBaseUrl(undefined)).toThrow(
      expect.objectContaining({ code: 'value_must_be_defined_error' }),
    );
  });

  it('must be there, and a URL', () => {
    expect(() => resolveApiBaseUrl(undefined)).toThrow(
      expect.objectContaining({ code: 'value_must_be_defined_error' }),
    );
    expect(() => resolveApiBaseUrl('http://')).toThrow(
      expect.objectContaining({ code: 'invalid_param_error' }),
    );
  });

  it.each([
    ['localhost:7845'],
    ['auth.example.com'],
    ['auth.example.com/api/v0'],
    ['//auth.example.com/api/v0'],
    ['ftp://auth.example.com'],
    ['javascript:alert(1)'],
  ])('%s has no scheme that counts, and is refused in words', (given) => {
    expect(() => resolveApiBaseUrl(given)).toThrow(/has to begin with https:\/\//);
  });

  it('carries no user and no password', () => {
    expect(() => resolveApiBaseUrl('https://me:secret@auth.example.com')).toThrow(/must not name a user/);
  });
});
