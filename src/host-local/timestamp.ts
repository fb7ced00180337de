// A point in time for people. The engine has no Date.

const dayMs = 86_400_000;

/** `2026-03-01T12:00:00Z` of milliseconds since the epoch, as RFC 3339. */
export function formatTimestamp(ms: number): string {
  const day = Math.floor(ms / dayMs);
  const seconds = Math.floor((ms - day * dayMs) / 1000);
  const { year, month, dayOfMonth } = civil(day);
  const two = (value: number) => `${Math.floor(value)}`.padStart(2, "0");
  const time = `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return `${`${year}`.padStart(4, "0")}-${two(month)}-${two(dayOfMonth)}T${time}Z`;
}

/** Howard Hinnant's civil_from_days: years counted from March in eras of 400 years. */
function civil(day: number): { year: number; month: number; dayOfMonth: number } {
  const fromMarch = day + 719_468;
  const era = Math.floor(fromMarch / 146_097);
  const dayOfEra = fromMarch - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    dayOfMonth: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}
