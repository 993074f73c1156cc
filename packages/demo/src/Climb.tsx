/** One step of the way. */
export type Step = { title: string; note: string; done: boolean };

/**
 * The way over the stile: a picture for the eye, a list for everybody. The walker stands on the highest step that is
 * done; where that is, is in style.css.
 */
export function Climb({ steps }: { steps: readonly Step[] }) {
  const reached = steps.findLastIndex(({ done }) => done) + 1;
  const next = steps.findIndex(({ done }, at) => !done && at >= reached);
  return (
    <section className="climb" aria-label="The way over the stile">
      <svg className="scene" viewBox="0 12 720 194" aria-hidden="true" data-reached={reached}>
        <title>A stile</title>
        <circle className="s-sun" cx="640" cy="68" r="22" />
        <path className="s-hill" d="M0 166C120 128 232 150 360 154S596 104 720 132V210H0Z" />
        <path className="s-ground" d="M0 180C180 172 540 172 720 180V210H0Z" />
        <path
          className="s-grass"
          d="M520 181q2-14-4-20m4 20q1-16 6-22m-6 22q6-10 13-11M606 182q2-12-3-17m3 17q2-13 6-18M668 184q2-14-4-20m4 20q3-12 10-15M96 182q1-8-3-12m3 12q2-8 6-10"
        />
        <g className="s-flowers">
          <circle cx="516" cy="159" r="4" />
          <circle cx="612" cy="162" r="4" />
          <circle cx="664" cy="162" r="4" />
        </g>
        {/* The fence, seen along its length: a post, and the ends of its rails. */}
        <path className="s-post" d="M360 38V184" />
        {[82, 116, 150].map((y) => (
          <g key={y}>
            <circle className="s-rail" cx="360" cy={y} r="10" />
            <circle className="s-core" cx="360" cy={y} r="4.500" />
          </g>
        ))}
        {/* The ladder on either side, and its treads. */}
        <path className="s-beam" d="M222 184 346 66M498 184 374 66" />
        <path className="s-tread" d="M226 150h64M278 108h64M322 66h76M378 108h64M430 150h64" />
        <g className="walker">
          <path className="w-staff" d="M14 0 11-34" />
          <path d="M0 0c-9 0-11-9-9-18 1-6 5-9 9-9s8 3 9 9c2 9 0 18-9 18Z" />
          <circle cy="-36" r="7.500" />
        </g>
      </svg>
      <ol className="steps">
        {steps.map(({ title, note, done }, at) => (
          <li key={title} data-done={done} aria-current={at === next ? 'step' : undefined}>
            <b>
              {title}
              <span className="visually-hidden">{done ? ' (done)' : ' (to do)'}</span>
            </b>
            <span>{note}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
