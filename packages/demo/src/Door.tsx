import type { ReactNode } from 'react';

const RIVETS = Array.from({ length: 16 }, (_, at) => (at * Math.PI) / 8);
const SPOKES = [0, 72, 144, 216, 288];
const HEIGHTS = ['top', 'middle', 'bottom'];

/** A door, and behind it what it keeps. How it moves is in style.css. */
export function Door({
  isOpen,
  isRefused,
  children,
}: {
  isOpen: boolean;
  isRefused: boolean;
  children: ReactNode;
}) {
  return (
    <div className="door" data-open={isOpen} data-refused={isRefused}>
      <div className="door-frame">
        <div className="door-inside">{children}</div>
        <div className="door-leaf" aria-hidden="true">
          <div className="door-hinges">
            {HEIGHTS.map((height) => (
              <i key={height} />
            ))}
          </div>
          <svg className="wheel" viewBox="-110 -110 220 220">
            <title>Wheel</title>
            <circle className="d-ring" r="104" />
            {RIVETS.map((angle) => (
              <circle
                key={angle}
                className="d-brass"
                cx={93 * Math.cos(angle)}
                cy={93 * Math.sin(angle)}
                r="3.5"
              />
            ))}
            <circle className="d-well" r="80" />
            <g className="d-wheel">
              {SPOKES.map((turn) => (
                <g key={turn} transform={`rotate(${turn})`}>
                  <path className="d-bar" d="M0 0V-66" />
                  <circle className="d-brass" cy="-67" r="10" />
                </g>
              ))}
              <circle className="d-bar" r="44" />
              <circle className="d-brass" r="17" />
            </g>
          </svg>
          <div className="door-bolts">
            {HEIGHTS.map((height) => (
              <i key={height} />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}
