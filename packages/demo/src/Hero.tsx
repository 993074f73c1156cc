import type { ReactNode } from 'react';

/** What a screen is about. Its heading takes the focus when the screen changes. */
export function Hero({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="hero">
      <h1 tabIndex={-1}>{title}</h1>
      <p>{children}</p>
    </div>
  );
}
