import qrcode from 'qrcode-generator';
import { useMemo } from 'react';

/** Modules of the quiet zone around a code (ISO/IEC 18004). */
const MARGIN = 4;

/** CSS pixels of a module. */
const PIXELS = 4;

/** A QR code as one path. It is dark on light in either colour scheme: readers expect that. */
export function Qr({ text, label }: { text: string; label: string }) {
  const { path, size } = useMemo(() => drawn(text), [text]);
  return (
    <svg
      className="qr"
      viewBox={`0 0 ${size} ${size}`}
      // Whole pixels for each module, so that none is blurred or wider than its neighbour.
      width={size * PIXELS}
      height={size * PIXELS}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <rect className="qr-light" width={size} height={size} />
      <path className="qr-dark" d={path} />
    </svg>
  );
}

function drawn(text: string): { path: string; size: number } {
  // 0: the smallest code that holds the text.
  const code = qrcode(0, 'M');
  code.addData(text, 'Byte');
  code.make();
  const count = code.getModuleCount();
  const rows = Array.from({ length: count }, (_, at) => at);
  const path = rows
    .flatMap((y) => rows.filter((x) => code.isDark(y, x)).map((x) => `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`))
    .join('');
  return { path, size: count + 2 * MARGIN };
}
